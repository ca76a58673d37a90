#include "dist/control/sockets.h"

#include <algorithm>
#include <memory>
#include <vector>

namespace sf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

tcp::acceptor listen_at(asio::io_context& io, const std::string& host, uint16_t port) {
  const auto attempt = [&](const tcp::endpoint& end) {
    tcp::acceptor acceptor(io);
    acceptor.open(end.protocol());
    acceptor.set_option(tcp::acceptor::reuse_address(true));
    if (host.empty() && end.protocol() == tcp::v6()) acceptor.set_option(asio::ip::v6_only(false));
    acceptor.bind(end);
    acceptor.listen();
    return acceptor;
  };
  if (!host.empty()) return attempt({asio::ip::make_address(host), port});
  try {
    return attempt({tcp::v6(), port});
  } catch (const boost::system::system_error& e) {
    if (e.code() == asio::error::address_in_use) throw;
    return attempt({tcp::v4(), port});  // a machine without IPv6
  }
}

std::optional<tcp::socket> connect_to(asio::io_context& io, const std::string& host, uint16_t port,
                                      std::chrono::steady_clock::time_point end,
                                      std::string& reason) {
  error_code error;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, std::to_string(port), error);
  if (error) {
    reason = host + ": " + error.message();
    return std::nullopt;
  }
  std::vector<tcp::endpoint> ends(found.begin(), found.end());
  std::ranges::stable_partition(ends, [](const auto& e) { return e.protocol() == tcp::v4(); });
  struct Attempt {
    tcp::socket socket;
    std::optional<error_code> result;
  };
  // Outlives a wait that is given up.
  const auto attempt = std::make_shared<Attempt>(Attempt{tcp::socket(io), std::nullopt});
  asio::async_connect(attempt->socket, ends,
                      [attempt](error_code e, const tcp::endpoint&) { attempt->result = e; });
  run_until(io, end, [&] { return attempt->result.has_value(); });
  if (!attempt->result) {
    attempt->socket.close(error);
    reason = "no answer";
    return std::nullopt;
  }
  if (*attempt->result) {
    reason = attempt->result->message();
    return std::nullopt;
  }
  return std::move(attempt->socket);
}

asio::ip::address plain(const asio::ip::address& address) {
  if (address.is_v6() && address.to_v6().is_v4_mapped())
    return asio::ip::make_address_v4(asio::ip::v4_mapped, address.to_v6());
  return address;
}

}  // namespace sf
