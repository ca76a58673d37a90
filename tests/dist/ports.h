// TCP ports for tests.
#pragma once

namespace sf {

// Lets the socket listen at a free port of 127.0.0.1; returns the port.
int listen_at_any_port(int socket);
// A port that was free a moment ago.
int free_port();
// A connection to a port of 127.0.0.1.
int connect_to(int port);

}  // namespace sf
