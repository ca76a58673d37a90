// Where the ranks of a job meet: the address that rank 0 listens at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace sf {

// tcp://HOST:PORT, where rank 0 listens at that port of HOST, an address of its machine; or
// file://PATH, a file that all machines see, in which rank 0 writes where it listens.
struct Rendezvous {
  std::string text;  // as it was given
  std::string host;
  uint16_t port = 0;
  std::string path;  // of the file; empty with tcp://

  // Throws where the text is neither.
  static Rendezvous parse(const std::string& text);
};

// What the file says. A stale file leads nowhere or to another job, which refuses the token.
struct RendezvousNote {
  std::string token;  // of one start of one job
  uint16_t port = 0;
  std::vector<std::string> hosts;  // addresses of rank 0's machine, to be tried in turn

  void write(const std::string& path) const;  // all at once; throws
  // Nothing where there is no such file, or none that is whole.
  static std::optional<RendezvousNote> read(const std::string& path);
};

// 16 bytes of chance, as hexadecimal digits.
std::string random_token();

// This machine's addresses as numbers, those that others reach before those of the loop.
std::vector<std::string> machine_addresses();

}  // namespace sf
