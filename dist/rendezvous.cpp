#include "dist/rendezvous.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <random>

#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <unistd.h>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr std::string_view kTcp = "tcp://", kFile = "file://";

// The largest that is sensible is far smaller; what is longer is not one of ours.
constexpr size_t kMaxNoteHosts = 256;

std::optional<uint16_t> port_of(std::string_view digits) {
  uint16_t port = 0;
  const char* end = digits.data() + digits.size();
  const auto [stop, error] = std::from_chars(digits.data(), end, port);
  if (error != std::errc() || stop != end || port == 0) return std::nullopt;
  return port;
}

}  // namespace

Rendezvous Rendezvous::parse(const std::string& text) {
  Rendezvous found;
  found.text = text;
  if (text.starts_with(kFile) && text.size() > kFile.size()) {
    found.path = text.substr(kFile.size());
    return found;
  }
  if (text.starts_with(kTcp)) {
    const std::string place = text.substr(kTcp.size());
    const size_t colon = place.rfind(':');
    if (colon != std::string::npos && colon > 0) {
      found.host = place.substr(0, colon);
      if (found.host.starts_with('[') && found.host.ends_with(']'))  // an IPv6 address
        found.host = found.host.substr(1, found.host.size() - 2);
      if (found.host == "localhost") found.host = "127.0.0.1";  // also where nothing resolves names
      if (const auto port = port_of(std::string_view(place).substr(colon + 1))) {
        found.port = *port;
        return found;
      }
    }
  }
  throw Error(cat("init_method: wanted tcp://HOST:PORT or file://PATH, found '", text, "'"));
}

void RendezvousNote::write(const std::string& path) const {
  const std::string part = cat(path, ".", token);
  std::ofstream out(part);
  out << token << ' ' << port << ' ' << hosts.size() << '\n';
  for (const std::string& host : hosts) out << host << '\n';
  out.close();
  if (!out || std::rename(part.c_str(), path.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    std::remove(part.c_str());
    throw Error(cat("file://", path, ": cannot be written: ", reason));
  }
}

std::optional<RendezvousNote> RendezvousNote::read(const std::string& path) {
  std::ifstream in(path);
  RendezvousNote note;
  size_t hosts = 0;
  if (!(in >> note.token >> note.port >> hosts) || hosts > kMaxNoteHosts) return std::nullopt;
  note.hosts.resize(hosts);
  for (std::string& host : note.hosts)
    if (!(in >> host)) return std::nullopt;
  return note;
}

std::string random_token() {
  std::random_device device;
  std::string token;
  for (int i = 0; i < 4; ++i) {
    char word[9];
    std::snprintf(word, sizeof word, "%08x", unsigned(device()));
    token += word;
  }
  return token;
}

std::vector<std::string> machine_addresses() {
  ifaddrs* list = nullptr;
  SF_CHECK(getifaddrs(&list) == 0, "getifaddrs: ", std::strerror(errno));
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owner(list, freeifaddrs);
  std::vector<std::string> outside, loop;
  for (const ifaddrs* i = list; i; i = i->ifa_next) {
    // Link-local addresses of IPv6 mean nothing without an interface: IPv4 alone.
    if (!i->ifa_addr || i->ifa_addr->sa_family != AF_INET || !(i->ifa_flags & IFF_UP)) continue;
    char host[NI_MAXHOST];
    if (getnameinfo(i->ifa_addr, sizeof(sockaddr_in), host, sizeof host, nullptr, 0,
                    NI_NUMERICHOST) == 0)
      (i->ifa_flags & IFF_LOOPBACK ? loop : outside).emplace_back(host);
  }
  outside.insert(outside.end(), loop.begin(), loop.end());
  return outside;
}

}  // namespace sf
