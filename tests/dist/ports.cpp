#include "tests/dist/ports.h"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

sockaddr_in loop_address(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(uint16_t(port));
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return address;
}

}  // namespace

int listen_at_any_port(int socket) {
  sockaddr_in address = loop_address(0);
  socklen_t size = sizeof address;
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  SF_CHECK(bind(socket, generic, size) == 0 && listen(socket, 8) == 0, "no free port");
  SF_CHECK(getsockname(socket, generic, &size) == 0, "getsockname");
  return ntohs(address.sin_port);
}

int free_port() {
  const int probe = socket(AF_INET, SOCK_STREAM, 0);
  const int port = listen_at_any_port(probe);
  close(probe);
  return port;
}

int connect_to(int port) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  const sockaddr_in address = loop_address(port);
  SF_CHECK(connect(connection, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0,
           "cannot connect");
  return connection;
}

}  // namespace sf
