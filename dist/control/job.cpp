#include "dist/control/job.h"

#include <set>
#include <sstream>

#include "kernels/base/error.h"

namespace sf {
namespace {

constexpr const char* kPrefix = "process group: ";
constexpr size_t kDifferencesShown = 3;

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

// The lines of `text` that `other` lacks, the first few of them.
std::string lines_without(const std::string& text, const std::string& other) {
  const std::vector<std::string> known = lines_of(other);
  const std::set<std::string> set(known.begin(), known.end());
  std::string found;
  size_t count = 0;
  for (const std::string& line : lines_of(text))
    if (!set.contains(line) && ++count <= kDifferencesShown)
      found += cat(count > 1 ? ", " : "", line);
  if (count > kDifferencesShown) found += cat(" and ", count - kDifferencesShown, " more");
  return count ? found : "nothing";
}

std::string place_of(const Member& member) {
  return cat("(", member.host, ", process ", member.process, ")");
}

}  // namespace

std::string text_of(const Progress& progress) {
  return cat(progress.operation, " (operation ", progress.number, ")");
}

std::string text_of(std::chrono::milliseconds duration) {
  return cat(double(duration.count()) / 1000, " s");
}

Job::Job(Member leader, std::chrono::milliseconds timeout, Time now)
    : leader_(std::move(leader)), timeout_(timeout), begin_(now), ranks_(size_t(leader_.size)) {}

bool Job::complete() const { return missing().empty(); }

std::vector<int> Job::missing() const {
  std::vector<int> found;
  for (int rank = 0; rank < size(); ++rank)
    if (!has(rank)) found.push_back(rank);
  return found;
}

std::string Job::name(int rank) const {
  const Rank& r = ranks_[size_t(rank)];
  const std::string name = cat("rank ", rank, " of ", size());
  return r.state == State::awaited ? name : cat(name, " ", place_of(r.member));
}

Verdict Job::come(const Member& member, Time now) {
  const std::string who = cat("rank ", member.rank, " ", place_of(member));
  if (member.size != size())
    return {cat(kPrefix, who, " wants ", member.size, " ranks, rank 0 wants ", size())};
  if (member.rank < 0 || member.rank >= size())
    return {cat(kPrefix, who, ": wanted a rank from 0 to ", size() - 1)};
  Rank& rank = ranks_[size_t(member.rank)];
  if (rank.state != State::awaited)
    return {cat(kPrefix, "two processes are rank ", member.rank, " of ", size(), ": ",
                place_of(rank.member), " and ", place_of(member))};
  if (member.build != leader_.build)
    return {cat(kPrefix, who, " is another build than rank 0: ", member.build, " instead of ",
                leader_.build)};
  if (member.configuration != leader_.configuration)
    return {cat(kPrefix, who, " has another configuration than rank 0: ",
                lines_without(member.configuration, leader_.configuration), " instead of ",
                lines_without(leader_.configuration, member.configuration))};
  rank.state = State::present;
  rank.member = member;
  rank.member.configuration.clear();
  rank.heard = now;
  return {};
}

Verdict Job::heard(int rank, const ProgressByGroup& progress, Time now) {
  Rank& r = ranks_[size_t(rank)];
  for (const auto& [group, p] : progress) {
    const auto known = r.progress.find(group);
    const bool same =
        known != r.progress.end() && known->second.waiting && known->second.number == p.number;
    if (!same) r.since[group] = now;
  }
  r.heard = now;
  r.progress = progress;
  return compare(rank);
}

Verdict Job::left(int rank) {
  ranks_[size_t(rank)].state = State::left;
  ++left_;
  return {};
}

Verdict Job::gone(int rank) const { return {cat(kPrefix, name(rank), " is gone"), false}; }

Verdict Job::failed(int rank, const std::string& line) {
  // A rank that ends since another has failed repeats what it was told.
  return {line.starts_with(kPrefix) ? line : cat(kPrefix, "rank ", rank, " failed: ", line)};
}

// Whether the rank does what the first of each of its groups does.
Verdict Job::compare(int rank) const {
  for (const auto& [group, mine] : ranks_[size_t(rank)].progress)
    for (int other = mine.first; other < mine.first + mine.size; ++other) {
      const auto& all = ranks_[size_t(other)].progress;
      const auto its = all.find(group);
      if (other == rank || its == all.end() || its->second.number != mine.number) continue;
      if (its->second.operation != mine.operation) {
        const bool first = other < rank;
        return {cat(kPrefix, "rank ", first ? other : rank, " calls ",
                    text_of(first ? its->second : mine), ", rank ", first ? rank : other, " ",
                    first ? mine.operation : its->second.operation)};
      }
      break;  // all others that are as far have been compared with it
    }
  return {};
}

// A rank that has left and that the operation waits for; -1 if there is none.
int Job::absent(const std::string& group, const Progress& waiting) const {
  if (left_ == 0) return -1;
  for (int rank = waiting.first; rank < waiting.first + waiting.size; ++rank) {
    const Rank& r = ranks_[size_t(rank)];
    const auto its = r.progress.find(group);
    if (r.state == State::left && (its == r.progress.end() || its->second.number < waiting.number))
      return rank;
  }
  return -1;
}

std::string Job::last_operation(int rank, const std::string& group) const {
  const auto& progress = ranks_[size_t(rank)].progress;
  const auto its = progress.find(group);
  return its == progress.end() || its->second.number == 0
             ? "it had not been in any"
             : cat("it was last in ", text_of(its->second));
}

Verdict Job::overdue(int rank, const std::string& group) const {
  const Progress& waiting = ranks_[size_t(rank)].progress.at(group);
  for (int other = waiting.first; other < waiting.first + waiting.size; ++other) {
    const auto& all = ranks_[size_t(other)].progress;
    const auto its = all.find(group);
    if (other != rank && (its == all.end() || its->second.number < waiting.number))
      return {cat(kPrefix, name(other), " did not reach ", text_of(waiting), " within ",
                  text_of(timeout_), " of rank ", rank, "; ", last_operation(other, group))};
  }
  return {cat(kPrefix, text_of(waiting), " did not end on rank ", rank, " within ",
              text_of(timeout_), ", though all ranks have reached it")};
}

Verdict Job::judge(Time now) const {
  if (!complete()) {
    if (now - begin_ < timeout_) return {};
    std::string who;
    for (const int rank : missing()) who += cat(who.empty() ? "" : ", ", rank);
    return {cat(kPrefix, missing().size() > 1 ? "ranks " : "rank ", who, " of ", size(),
                " did not come within ", text_of(timeout_))};
  }
  for (int rank = 0; rank < size(); ++rank) {
    const Rank& r = ranks_[size_t(rank)];
    if (r.state != State::present) continue;
    for (const auto& [group, progress] : r.progress) {
      if (!progress.waiting) continue;
      if (const int other = absent(group, progress); other >= 0)
        return {cat(kPrefix, "rank ", other, " has left; rank ", rank, " waits for it in ",
                    text_of(progress))};
      if (!progress.patient && now - r.since.at(group) >= timeout_) return overdue(rank, group);
    }
    if (now - r.heard >= timeout_)
      return {cat(kPrefix, name(rank), " has been silent for ", text_of(timeout_)), false};
  }
  return {};
}

}  // namespace sf
