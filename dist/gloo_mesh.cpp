#include "dist/gloo_mesh.h"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <exception>

#include <gloo/transport/tcp/device.h>

#include "kernels/base/processors.h"

namespace sf {
namespace {

// Gloo's own limits are none: the control plane says when a wait is over, since it knows why.
constexpr std::chrono::hours kUnlimited{100};

size_t extent_of(const RangeByRank& ranges) {
  size_t extent = 0;
  for (const ByteRange& range : ranges) extent = std::max(extent, range.offset + range.count);
  return extent;
}

}  // namespace

std::string reason_of(const std::exception& e) {
  const std::string text = e.what();
  const size_t end = text.starts_with('[') ? text.find("] ") : std::string::npos;
  return end == std::string::npos ? text : text.substr(end + 2);
}

GlooTransport::GlooTransport(std::shared_ptr<ControlConnection> connection)
    : control(std::move(connection)) {
  struct sigaction action {};
  if (sigaction(SIGPIPE, nullptr, &action) == 0 && action.sa_handler == SIG_DFL)
    std::signal(SIGPIPE, SIG_IGN);
  const OnAllProcessors anywhere;  // the device's thread
  device = gloo::transport::tcp::CreateDevice(control->address().c_str());
}

GlooMesh::GlooMesh(std::shared_ptr<const GlooTransport> transport, int rank, int size)
    : transport_(std::move(transport)), context_(transport_->device->createContext(rank, size)) {
  context_->setTimeout(kUnlimited);
  addresses_.resize(size_t(size));
  for (int other = 0; other < size; ++other) {
    if (other == rank) continue;
    const std::vector<char> bytes = context_->createPair(other)->address().bytes();
    addresses_[size_t(other)].assign(bytes.begin(), bytes.end());
    addresses_[size_t(rank)].resize(bytes.size());
  }
  watcher_ = transport_->control->watch([this] { break_off(); });
}

GlooMesh::~GlooMesh() { transport_->control->forget(watcher_); }

void GlooMesh::connect(const std::vector<std::string>& addresses) {
  const auto set_connecting = [&](bool value) {
    const std::lock_guard lock(mutex_);
    if (broken_) throw Broken{"connections were broken off"};
    connecting_ = value;
  };
  set_connecting(true);
  try {
    for (int other = 0; other < size(); ++other)
      if (other != rank()) {
        const std::string& address = addresses[size_t(other)];
        context_->getPair(other)->connect({address.begin(), address.end()});
      }
  } catch (const std::exception& e) { throw Broken{reason_of(e)}; }
  set_connecting(false);
}

void GlooMesh::transfer(uint64_t slot, const void* out, const RangeByRank& out_ranges, void* in,
                        const RangeByRank& in_ranges) {
  // Gloo sends from const memory through a pointer to any.
  const auto sending = context_->createUnboundBuffer(const_cast<void*>(out), extent_of(out_ranges));
  const auto receiving = context_->createUnboundBuffer(in, extent_of(in_ranges));
  {
    const std::lock_guard lock(mutex_);
    if (broken_) throw Broken{"connections were broken off"};
    sending_ = sending.get();
    receiving_ = receiving.get();
  }
  bool whole = true;
  std::string reason = "connections were broken off";
  try {
    int sends = 0, receives = 0;
    for (int step = 1; step < size(); ++step) {  // not all to one rank at once
      const int to = (rank() + step) % size(), from = (rank() + size() - step) % size();
      if (const ByteRange r = in_ranges[size_t(from)]; r.count > 0 && ++receives)
        receiving->recv(from, slot, r.offset, r.count);
      if (const ByteRange r = out_ranges[size_t(to)]; r.count > 0 && ++sends)
        sending->send(to, slot, r.offset, r.count);
    }
    for (; whole && receives > 0; --receives) whole = receiving->waitRecv(nullptr, kUnlimited);
    for (; whole && sends > 0; --sends) whole = sending->waitSend(nullptr, kUnlimited);
  } catch (const std::exception& e) {
    whole = false;
    reason = reason_of(e);
  }
  {
    const std::lock_guard lock(mutex_);
    sending_ = receiving_ = nullptr;
    broken_ |= !whole;
  }
  if (whole) return;
  close();  // or Gloo's thread goes on looking for the buffers
  throw Broken{reason};
}

void GlooMesh::break_off() {
  bool connecting = false;
  {
    const std::lock_guard lock(mutex_);
    broken_ = true;
    connecting = connecting_;
    if (sending_) sending_->abortWaitSend();
    if (receiving_) receiving_->abortWaitRecv();
  }
  if (connecting) close();  // which ends the wait for them
}

void GlooMesh::close() {
  for (int other = 0; other < size(); ++other) try {
      if (other != rank()) context_->getPair(other)->close();
    } catch (const std::exception&) {}  // one that another thread is making; it is of no use to it
}

}  // namespace sf
