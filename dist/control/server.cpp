#include "dist/control/server.h"

#include <algorithm>
#include <condition_variable>
#include <mutex>
#include <optional>
#include <set>
#include <thread>
#include <utility>

#include "dist/control/message_stream.h"
#include "dist/control/sockets.h"
#include "kernels/base/error.h"
#include "kernels/base/processors.h"

namespace sf {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;
using Json = MessageStream::Json;
using std::chrono::milliseconds;

namespace {

constexpr size_t kMaxStrangers = 64;             // connections that have not said who they are
constexpr std::chrono::seconds kMaxSilence{10};  // of a stranger
constexpr std::chrono::seconds kHangUp{2};       // for ranks to take the verdict

Member member_of(const Json& hello) {
  constexpr int64_t kMost = 1 << 20;
  Member member;
  member.rank = int(whole_number(hello, "rank", 0, kMost));
  member.size = int(whole_number(hello, "size", 1, kMost));
  member.host = hello.at("host").get<std::string>();
  member.process = whole_number(hello, "process", 0, INT64_MAX);
  member.build = hello.at("build").get<std::string>();
  member.configuration = hello.at("configuration").get<std::string>();
  return member;
}

ProgressByGroup progress_of(const Json& status, int ranks) {
  ProgressByGroup progress;
  for (const auto& [group, p] : status.at("groups").items()) {
    Progress& mine = progress[group];
    mine.first = int(whole_number(p, "first", 0, ranks - 1));
    mine.size = int(whole_number(p, "size", 1, ranks - mine.first));
    mine.number = whole_number(p, "number", 0, INT64_MAX);
    mine.operation = p.at("operation").get<std::string>();
    mine.waiting = p.at("waiting").get<bool>();
    mine.patient = p.at("patient").get<bool>();
  }
  return progress;
}

}  // namespace

milliseconds beat_interval(milliseconds timeout) {
  return std::clamp<milliseconds>(timeout / 20, milliseconds(10), milliseconds(1000));
}

class ControlServer::Service {
 public:
  explicit Service(const Options& options)
      : options_(options),
        acceptor_(listen_at(io_, options.host, options.port)),
        timer_(io_),
        job_(options.leader, options.timeout, Job::Clock::now()) {
    ranks_.resize(size_t(job_.size()));
    heard_.resize(ranks_.size());
    addresses_.resize(ranks_.size());
    tick();
    thread_ = std::thread([this] {
      const OnAllProcessors anywhere;
      io_.run();
    });
  }
  ~Service() {
    io_.stop();
    thread_.join();
  }
  Service(const Service&) = delete;
  Service& operator=(const Service&) = delete;

  uint16_t port() const { return acceptor_.local_endpoint().port(); }

  std::string finish() {
    std::unique_lock lock(mutex_);
    const auto done = [&] { return over_ || !verdict_.empty(); };
    if (!changed_.wait_for(lock, options_.timeout, done)) {
      lock.unlock();
      asio::post(io_, [this] {
        conclude({cat("process group: not all ranks have ended within ", text_of(options_.timeout),
                      " of rank 0")});
      });
      lock.lock();
      changed_.wait(lock, done);
    }
    const auto patience = std::min<milliseconds>(kHangUp, options_.timeout);
    if (!over_) changed_.wait_for(lock, patience, [&] { return hung_up_; });
    return verdict_;
  }

 private:
  using Stream = std::shared_ptr<MessageStream>;

  struct Stranger {
    Stream stream;
    Job::Time since;
  };

  void accept() {
    accepting_ = true;
    acceptor_.async_accept([this](error_code error, tcp::socket socket) {
      accepting_ = !error;  // else, with too many open files, not at once again
      if (!error && strangers_.size() < kMaxStrangers) meet(std::move(socket));
      if (!error) accept();
    });
  }

  void meet(tcp::socket socket) {
    const auto stream = std::make_shared<MessageStream>(std::move(socket));
    strangers_.push_back({stream, Job::Clock::now()});
    MessageStream* key = stream.get();
    stream->start([this, key](const Json& message) { introduce(key, message); },
                  [this, key](const std::string&) { forget(key); });
  }

  Stream forget(const MessageStream* key) {
    const auto is_it = [&](const Stranger& s) { return s.stream.get() == key; };
    const auto it = std::find_if(strangers_.begin(), strangers_.end(), is_it);
    if (it == strangers_.end()) return nullptr;
    Stream stream = it->stream;
    strangers_.erase(it);
    return stream;
  }

  // A stranger says who it is. One of another job or program is no reason to end this job.
  void introduce(MessageStream* key, const Json& message) {
    SF_CHECK(message.at("kind") == "hello" && message.at("token") == options_.token,
             "wanted a hello to this job");
    const Member member = member_of(message);
    const Stream stream = forget(key);
    const bool started = job_.complete();
    if (member.rank < job_.size()) heard_[size_t(member.rank)] = true;
    const Verdict verdict = told_ ? *told_ : job_.come(member, Job::Clock::now());
    if (verdict) {
      tell(stream, verdict);
      stream->close_after_sending();
      if (!started) conclude(verdict);
      note_hang_up();
      return;
    }
    const int rank = member.rank;
    ranks_[size_t(rank)] = stream;
    stream->redirect([this, rank](const Json& m) { take(rank, m); },
                     [this, rank](const std::string&) { lose(rank); });
    if (job_.complete()) welcome();
  }

  // Every rank learns the address at which its machine is reached: the one it came from, or, for
  // those that came by the loop of this machine, the one that others came to.
  void welcome() {
    asio::ip::address here = asio::ip::address_v4::loopback();
    const auto is_outside = [](const tcp::endpoint& end) {
      return !plain(end.address()).is_loopback();
    };
    error_code error;
    for (const Stream& stream : ranks_)
      if (stream && is_outside(stream->socket().remote_endpoint(error)))
        here = plain(stream->socket().local_endpoint(error).address());
    for (const Stream& stream : ranks_) {
      if (!stream) continue;
      const auto from = stream->socket().remote_endpoint(error);
      const auto address = is_outside(from) ? plain(from.address()) : here;
      stream->send({{"kind", "welcome"}, {"address", address.to_string()}});
    }
  }

  void take(int rank, const Json& message) {
    const auto& kind = message.at("kind").get_ref<const std::string&>();
    if (kind == "status") {
      conclude(job_.heard(rank, progress_of(message, job_.size()), Job::Clock::now()));
    } else if (kind == "addresses") {
      take_addresses(rank, message.at("for").get<std::vector<std::string>>());
    } else if (kind == "failed") {
      conclude(Job::failed(rank, message.at("line").get<std::string>()));
    } else if (kind == "leave") {
      leave(rank, message);
    } else {
      throw Error("wanted a message of a rank");
    }
  }

  void leave(int rank, const Json& message) {
    conclude(job_.heard(rank, progress_of(message, job_.size()), Job::Clock::now()));
    const Stream stream = std::exchange(ranks_[size_t(rank)], nullptr);
    stream->send({{"kind", "bye"}});
    stream->close_after_sending();
    conclude(job_.left(rank));
    if (job_.over()) {
      const std::lock_guard lock(mutex_);
      over_ = true;
      changed_.notify_all();
    }
    note_hang_up();
  }

  void lose(int rank) {
    ranks_[size_t(rank)] = nullptr;
    conclude(job_.gone(rank));
    note_hang_up();
  }

  // Once all have given theirs, each rank gets what the others have for it.
  void take_addresses(int rank, std::vector<std::string> for_ranks) {
    SF_CHECK(for_ranks.size() == ranks_.size(), "wanted an address for every rank");
    addresses_[size_t(rank)] = std::move(for_ranks);
    for (const auto& given : addresses_)
      if (given.empty()) return;
    for (size_t to = 0; to < ranks_.size(); ++to) {
      Json from = Json::array();
      for (const auto& given : addresses_) from.push_back(given[to]);
      if (ranks_[to]) ranks_[to]->send({{"kind", "addresses"}, {"from", std::move(from)}});
    }
  }

  static void tell(const Stream& stream, const Verdict& verdict) {
    stream->send({{"kind", "verdict"},
                  {"line", verdict.line},
                  {"tells_operations", verdict.tells_operations}});
  }

  // The first verdict counts; every rank is told, and hangs up.
  void conclude(const Verdict& verdict) {
    if (!verdict || told_) return;
    told_ = verdict;
    for (const Stream& stream : ranks_)
      if (stream) tell(stream, verdict);
    {
      const std::lock_guard lock(mutex_);
      verdict_ = verdict.line;
      changed_.notify_all();
    }
    note_hang_up();
  }

  void note_hang_up() {
    for (size_t rank = 0; rank < ranks_.size(); ++rank)
      if (!told_ || ranks_[rank] || !heard_[rank]) return;
    const std::lock_guard lock(mutex_);
    hung_up_ = true;
    changed_.notify_all();
  }

  void tick() {
    const auto now = Job::Clock::now();
    conclude(job_.judge(now));
    if (!accepting_) accept();
    for (const Stream& stream : ranks_)
      if (stream && stream->unsent() == 0) stream->send({{"kind", "beat"}});
    std::erase_if(strangers_, [&](const Stranger& stranger) {
      const bool late = now - stranger.since > kMaxSilence;
      if (late) stranger.stream->close();
      return late;
    });
    timer_.expires_after(beat_interval(options_.timeout));
    timer_.async_wait([this](error_code error) {
      if (!error) tick();
    });
  }

  const Options options_;
  asio::io_context io_;
  tcp::acceptor acceptor_;
  asio::steady_timer timer_;
  // Of the thread alone:
  Job job_;
  bool accepting_ = false;
  std::vector<Stranger> strangers_;
  std::vector<Stream> ranks_;  // null: not yet come, or hung up
  std::vector<bool> heard_;    // it has come once
  std::vector<std::vector<std::string>> addresses_;
  std::optional<Verdict> told_;
  // What finish() waits for:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string verdict_;
  bool over_ = false, hung_up_ = false;
  std::thread thread_;
};

ControlServer::ControlServer(const Options& options)
    : service_(std::make_unique<Service>(options)) {}
ControlServer::~ControlServer() = default;
uint16_t ControlServer::port() const { return service_->port(); }
std::string ControlServer::finish() { return service_->finish(); }

}  // namespace sf
