// TCP connections of the control plane, made and taken.
#pragma once

#include <chrono>
#include <optional>
#include <string>
#include <utility>  // which Boost 1.74 forgets

#include <boost/asio.hpp>

namespace sf {

// Listens at a port (0: any free one) of one address or, with no host, of all of this machine, IPv4
// and IPv6 alike. Throws boost::system::system_error.
boost::asio::ip::tcp::acceptor listen_at(boost::asio::io_context& io, const std::string& host,
                                         uint16_t port);

// A connection to a port of a host, IPv4 before IPv6; nothing, with the reason, where there is no
// answer before `end`. Runs `io` meanwhile.
std::optional<boost::asio::ip::tcp::socket> connect_to(boost::asio::io_context& io,
                                                       const std::string& host, uint16_t port,
                                                       std::chrono::steady_clock::time_point end,
                                                       std::string& reason);

// An address without what makes an IPv4 one look like IPv6.
boost::asio::ip::address plain(const boost::asio::ip::address& address);

// Runs what is pending until done() says so or the time is over.
template <class Done>
void run_until(boost::asio::io_context& io, std::chrono::steady_clock::time_point end,
               const Done& done) {
  io.restart();
  while (!done() && std::chrono::steady_clock::now() < end && io.run_one_until(end) > 0) {}
}

}  // namespace sf
