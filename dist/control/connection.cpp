#include "dist/control/connection.h"

#include <algorithm>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>

#include "dist/control/message_stream.h"
#include "dist/control/server.h"
#include "dist/control/sockets.h"
#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Clock = Job::Clock;
using Json = MessageStream::Json;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kRetry{100};          // between attempts to reach rank 0, after shorter ones
constexpr std::chrono::seconds kAttempt{5};  // for one of them
constexpr std::chrono::seconds kPatience{10};  // before it is said what is waited for
constexpr std::chrono::seconds kGoodbye{5};    // for rank 0 to take leave
constexpr std::chrono::seconds kStuck{5};      // for operations to end behind a verdict

Json json_of(const ProgressByGroup& progress) {
  Json groups = Json::object();
  for (const auto& [group, p] : progress)
    groups[group] = {{"first", p.first},         {"size", p.size},       {"number", p.number},
                     {"operation", p.operation}, {"waiting", p.waiting}, {"patient", p.patient}};
  return groups;
}

}  // namespace

class ControlConnection::Service {
 public:
  explicit Service(const Options& options)
      : options_(options), timer_(io_), deadline_(Clock::now() + options.timeout) {
    for (milliseconds pause{2}; !join(); pause = std::min(2 * pause, kRetry)) {
      const std::string where = cat("process group: rank ", me().rank, " of ", me().size,
                                    " finds no rank 0 at ", options_.rendezvous.text);
      say(where, reason_);
      std::this_thread::sleep_for(pause);
      SF_CHECK(Clock::now() < deadline_, where, " within ", text_of(options_.timeout), ": ",
               reason_);
    }
    heard_ = Clock::now();
    tick();
    thread_ = std::thread([this] {
      const OnAllProcessors anywhere;
      io_.restart();
      io_.run();
    });
  }
  ~Service() {
    // The watchdog is the last to go: it knows of a thread that does not end.
    asio::post(io_, [this] { io_.stop(); });
    thread_.join();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  const Member& me() const { return options_.me; }
  const std::string& address() const { return address_; }

  std::vector<std::string> exchange(const std::vector<std::string>& for_ranks) {
    Json texts = Json::array();
    for (const std::string& text : for_ranks) texts.push_back(to_hex(text));
    post({{"kind", "addresses"}, {"for", std::move(texts)}});
    std::unique_lock lock(mutex_);
    const bool came =
        changed_.wait_for(lock, options_.timeout, [&] { return !from_ranks_.empty() || verdict_; });
    SF_CHECK(!verdict_, verdict_->line);
    SF_CHECK(came, "process group: not all ranks gave their addresses within ",
             text_of(options_.timeout));
    return std::move(from_ranks_);
  }

  void begin(const std::string& group, const Progress& progress) {
    const std::lock_guard lock(mutex_);
    SF_CHECK(!verdict_, line(text_of(progress)));
    progress_[group] = progress;
  }
  void end(const std::string& group) {
    const std::lock_guard lock(mutex_);
    progress_[group].waiting = false;
    freed_.notify_all();
  }

  std::string verdict(const std::string& doing) const {
    const std::lock_guard lock(mutex_);
    return line(doing);
  }
  std::string await_verdict(const std::string& doing) const {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, 2 * beat_interval(options_.timeout), [&] { return bool(verdict_); });
    return line(doing);
  }

  int watch(std::function<void()> on_verdict) {
    const std::lock_guard lock(watch_mutex_);
    watchers_[++last_watcher_] = std::move(on_verdict);
    if (called_) watchers_[last_watcher_]();
    return last_watcher_;
  }
  void forget(int watcher) {
    const std::lock_guard lock(watch_mutex_);
    watchers_.erase(watcher);
  }

  void fail(const std::string& line) {
    post({{"kind", "failed"}, {"line", line}});
    const auto ended = [&] { return verdict_ || done_; };
    std::unique_lock lock(mutex_);
    if (changed_.wait_for(lock, kGoodbye, ended)) return;
    asio::post(io_, [this, line] {  // rank 0 does not answer: then this rank ends alone
      conclude(Job::failed(me().rank, line));
    });
    changed_.wait_for(lock, kGoodbye, ended);
  }

  void leave() {
    std::unique_lock lock(mutex_);
    post({{"kind", "leave"}, {"groups", json_of(progress_)}});
    changed_.wait_for(lock, kGoodbye, [&] { return done_ || verdict_; });
  }

 private:
  // One attempt to reach rank 0 and to be welcome. False, with reason_, where another may succeed.
  bool join() {
    std::vector<std::string> hosts{options_.rendezvous.host};
    uint16_t port = options_.rendezvous.port;
    std::string token;
    if (!options_.rendezvous.path.empty()) {
      const auto note = RendezvousNote::read(options_.rendezvous.path);
      if (!note) return give_up("the file is not there yet");
      hosts = note->hosts;
      port = note->port;
      token = note->token;
    }
    for (const std::string& host : hosts)
      if (connect(host, port) && greet(token)) return true;
    return false;
  }

  bool give_up(const std::string& reason) {
    reason_ = reason;
    return false;
  }

  bool connect(const std::string& host, uint16_t port) {
    const auto end = std::min(deadline_, Clock::now() + kAttempt);
    auto socket = connect_to(io_, host, port, end, reason_);
    if (socket) stream_ = std::make_shared<MessageStream>(std::move(*socket));
    return socket.has_value();
  }

  // Until all have come.
  bool greet(const std::string& token) {
    lost_ = false;
    stream_->start([this](const Json& message) { take(message); },
                   [this](const std::string& why) {
                     lost_ = true;
                     reason_ = why;
                   });
    stream_->send({{"kind", "hello"},
                   {"token", token},
                   {"rank", me().rank},
                   {"size", me().size},
                   {"host", me().host},
                   {"process", me().process},
                   {"build", me().build},
                   {"configuration", me().configuration}});
    // The server, too, waits until the time-out and says which rank is missing.
    const auto done = [&] { return !address_.empty() || lost_ || verdict_; };
    const auto begin = Clock::now();
    run_until(io_, begin + kPatience, done);
    if (!done()) say("process group: waiting for the other ranks", "");
    run_until(io_, std::max(deadline_, begin) + options_.timeout, done);
    SF_CHECK(!verdict_, verdict_->line);
    if (!address_.empty()) {
      stream_->redirect([this](const Json& message) { take(message); },
                        [this](const std::string&) { lose(); });
      return true;
    }
    if (!lost_) reason_ = "it does not answer";
    stream_->close();
    return false;
  }

  void say(const std::string& line, const std::string& reason) {
    if (said_ || !options_.log || Clock::now() + options_.timeout < deadline_ + kPatience) return;
    said_ = true;
    options_.log(reason.empty() ? line : cat(line, " yet: ", reason));
  }

  void take(const Json& message) {
    heard_ = Clock::now();
    const auto& kind = message.at("kind").get_ref<const std::string&>();
    if (kind == "welcome") {
      address_ = message.at("address").get<std::string>();
    } else if (kind == "addresses") {
      std::vector<std::string> from;
      for (const auto& text : message.at("from").get<std::vector<std::string>>())
        from.push_back(from_hex(text));
      const std::lock_guard lock(mutex_);
      from_ranks_ = std::move(from);
      changed_.notify_all();
    } else if (kind == "verdict") {
      conclude({message.at("line").get<std::string>(), message.at("tells_operations").get<bool>()});
    } else if (kind == "bye") {
      const std::lock_guard lock(mutex_);
      done_ = true;
      changed_.notify_all();
    }
  }

  void lose() {
    if (!done_) conclude({cat("process group: ", leader(), " is gone"), false});
  }
  std::string leader() const {
    return cat("rank 0 of ", me().size, " (", options_.rendezvous.text, ")");
  }

  // The first verdict counts. Nothing is to be said to rank 0 after it.
  void conclude(const Verdict& verdict) {
    {
      const std::lock_guard lock(mutex_);
      if (verdict_) return;
      verdict_ = verdict;
      changed_.notify_all();
    }
    watchdog_ = std::jthread([this](const std::stop_token& stop) { end_if_stuck(stop); });
    stream_->close();
    const std::lock_guard lock(watch_mutex_);
    called_ = true;
    for (const auto& [watcher, on_verdict] : watchers_) on_verdict();
    {
      const std::lock_guard free_lock(mutex_);
      told_ = true;
    }
    freed_.notify_all();
  }

  // Behind a verdict: ends the process where the transport keeps a thread.
  void end_if_stuck(const std::stop_token& stop) {
    std::unique_lock lock(mutex_);
    const auto waits = [](const auto& group) { return group.second.waiting; };
    const auto free = [&] { return told_ && std::ranges::none_of(progress_, waits); };
    freed_.wait_for(lock, stop, kStuck, free);
    if (stop.stop_requested() || free()) return;
    const auto waiting = std::ranges::find_if(progress_, waits);
    const std::string doing = waiting == progress_.end() ? "" : text_of(waiting->second);
    std::fprintf(stderr, "sf: %s\n", line(doing).c_str());
    std::_Exit(1);
  }

  std::string line(const std::string& doing) const {
    if (!verdict_) return {};
    if (verdict_->tells_operations || doing.empty()) return verdict_->line;
    return cat(verdict_->line, "; rank ", me().rank, " was in ", doing);
  }

  void tick() {
    if (Clock::now() - heard_ >= options_.timeout)
      conclude(
          {cat("process group: ", leader(), " has been silent for ", text_of(options_.timeout)),
           false});
    Json status{{"kind", "status"}};
    {
      const std::lock_guard lock(mutex_);
      if (verdict_ || done_) return;
      status["groups"] = json_of(progress_);
    }
    stream_->send(status);
    timer_.expires_after(beat_interval(options_.timeout));
    timer_.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  void post(Json message) {
    asio::post(io_, [this, message = std::move(message)] { stream_->send(message); });
  }

  const Options options_;
  asio::io_context io_;
  asio::steady_timer timer_;
  const Clock::time_point deadline_;  // of the rendezvous
  std::shared_ptr<MessageStream> stream_;
  std::string address_, reason_;
  bool lost_ = false, said_ = false;
  Clock::time_point heard_;
  mutable std::mutex mutex_;
  mutable std::condition_variable changed_;
  ProgressByGroup progress_;
  std::vector<std::string> from_ranks_;
  std::optional<Verdict> verdict_;
  bool done_ = false;
  std::mutex watch_mutex_;
  std::map<int, std::function<void()>> watchers_;
  int last_watcher_ = 0;
  bool called_ = false;
  bool told_ = false;  // all watchers
  std::condition_variable_any freed_;
  std::thread thread_;
  std::jthread watchdog_;
};

ControlConnection::ControlConnection(const Options& options)
    : service_(std::make_unique<Service>(options)) {}
ControlConnection::~ControlConnection() = default;
int ControlConnection::rank() const { return service_->me().rank; }
int ControlConnection::size() const { return service_->me().size; }
const std::string& ControlConnection::address() const { return service_->address(); }
std::vector<std::string> ControlConnection::exchange(const std::vector<std::string>& for_ranks) {
  return service_->exchange(for_ranks);
}
ControlConnection::Operation::Operation(ControlConnection& control, const std::string& group,
                                        const Progress& progress)
    : control_(control), group_(group) {
  control_.service_->begin(group_, progress);
}
ControlConnection::Operation::~Operation() { control_.service_->end(group_); }
std::string ControlConnection::verdict(const std::string& doing) const {
  return service_->verdict(doing);
}
std::string ControlConnection::await_verdict(const std::string& doing) const {
  return service_->await_verdict(doing);
}
int ControlConnection::watch(std::function<void()> on_verdict) {
  return service_->watch(std::move(on_verdict));
}
void ControlConnection::forget(int watcher) { service_->forget(watcher); }
void ControlConnection::fail(const std::string& line) { service_->fail(line); }
void ControlConnection::leave() { service_->leave(); }

void throw_verdict(ControlConnection& control, const Progress& progress,
                   const std::string& reason) {
  const std::string doing = text_of(progress), own = cat(reason, " in ", doing);
  if (control.await_verdict(doing).empty()) control.fail(own);
  const std::string line = control.verdict(doing);
  throw Error(line.empty() ? cat("process group: ", own) : line);
}

}  // namespace sf
