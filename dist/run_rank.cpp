#include "dist/run_rank.h"

#include <cstdio>
#include <exception>
#include <optional>
#include <utility>  // which Boost 1.74 forgets

#include <boost/asio.hpp>
#include <unistd.h>

#include "dist/control/connection.h"
#include "dist/control/server.h"
#include "dist/gloo_error_exit.h"
#include "dist/gloo_group.h"
#include "dist/rendezvous.h"
#include "dist/single_process.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

using boost::asio::ip::tcp;

// The address that rank 0 listens at: that of `host`, if it is one of this machine; all of the
// machine's where the host's name stands for the loop here alone, as Debian's /etc/hosts has it.
std::string listening_address(const std::string& host) {
  boost::asio::io_context io;
  boost::system::error_code error;
  tcp::resolver resolver(io);
  const auto found = resolver.resolve(host, "", error);
  SF_CHECK(!error, host, ": ", error.message());
  for (const bool ipv4 : {true, false})
    for (const auto& entry : found) {
      const auto address = entry.endpoint().address();
      if (address.is_v4() != ipv4) continue;
      tcp::acceptor trial(io, entry.endpoint().protocol());
      if (trial.bind({address, 0}, error)) continue;
      const bool means_loop = host == address.to_string();
      return address.is_loopback() && !means_loop ? "" : address.to_string();
    }
  throw Error(cat(host, " is no address of this machine, where rank 0 is"));
}

std::unique_ptr<ControlServer> listen(const Rendezvous& rendezvous, const Member& me,
                                      std::chrono::milliseconds timeout) {
  ControlServer::Options options{.leader = me, .timeout = timeout};
  try {
    if (rendezvous.path.empty()) {
      options.host = listening_address(rendezvous.host);
      options.port = rendezvous.port;
      return std::make_unique<ControlServer>(options);
    }
    options.token = random_token();
    auto server = std::make_unique<ControlServer>(options);
    RendezvousNote{options.token, server->port(), machine_addresses()}.write(rendezvous.path);
    return server;
  } catch (const boost::system::system_error& e) {
    throw Error(cat("process group: rank 0 of ", me.size, " cannot listen at ", rendezvous.text,
                    ": ", e.code().message()));
  } catch (const Error& e) {
    throw Error(cat("process group: rank 0 of ", me.size, " cannot listen at ", rendezvous.text,
                    ": ", e.what()));
  }
}

}  // namespace

void run_rank(const ProcessPlacement& placement, const JoinOptions& options,
              const std::function<void(const std::shared_ptr<ProcessGroup>&)>& work) {
  SF_CHECK(placement.rank >= 0 && placement.rank < placement.size,
           "process group: wanted a rank from 0 to ", placement.size - 1, ", found ",
           placement.rank);
  if (placement.size == 1) return work(std::make_shared<SingleProcess>());
  const Rendezvous rendezvous = Rendezvous::parse(placement.address);
  const Member me{placement.rank, placement.size, boost::asio::ip::host_name(),
                  getpid(),       options.build,  options.configuration};
  std::unique_ptr<ControlServer> server;
  if (placement.rank == 0) server = listen(rendezvous, me, options.timeout);
  const auto remove_note = [&] {
    if (server && !rendezvous.path.empty()) std::remove(rendezvous.path.c_str());
  };
  std::string verdict;
  try {
    const auto control = std::make_shared<ControlConnection>(
        ControlConnection::Options{rendezvous, me, options.timeout, options.log});
    remove_note();
    const GlooErrorExit error_exit(control);
    std::shared_ptr<ProcessGroup> world;  // its connections end after the farewell
    try {
      world = GlooGroup::world(std::make_shared<GlooTransport>(control));
      work(world);
    } catch (const std::exception& e) {
      control->fail(e.what());
      throw;
    }
    control->leave();
    verdict = control->verdict();
  } catch (...) {
    if (server) server->finish();
    remove_note();
    throw;
  }
  if (server) verdict = server->finish();
  SF_CHECK(verdict.empty(), verdict);
}

}  // namespace sf
