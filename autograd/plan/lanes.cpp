#include "autograd/plan/lanes.h"

#include <charconv>
#include <set>

#include "autograd/plan/order.h"

namespace sf {
namespace {

// Who used a value since it was last written.
struct Uses {
  int writer = -1;
  std::vector<int> readers;
};

}  // namespace

int pathway_of(std::string_view name) {
  constexpr std::string_view kWord = "pathway";
  const size_t at = name.find(kWord);
  uint16_t pathway = 0;  // stays so where no number follows
  if (at != name.npos)
    std::from_chars(name.data() + at + kWord.size(), name.data() + name.size(), pathway);
  return pathway;
}

Lanes::Lanes(const Graph& graph, std::span<const int> order, const std::vector<bool>& frozen,
             int count)
    : steps_(graph.nodes().size()) {
  std::vector<Uses> uses(size_t(graph.value_count()));
  const Clock begin(size_t(count), 0);
  std::vector<Clock> ends(begin.size(), begin);  // of each lane so far
  for (int n : order) {
    const auto& node = graph.nodes()[size_t(n)];
    if (hoisted(node, frozen)) continue;
    const auto written = node.op->written_inputs();
    const auto writes = [&](size_t input) {
      return std::ranges::find(written, int(input)) != written.end();
    };
    std::set<int> needed;
    for (size_t i = 0; i < node.in.size(); ++i) {
      const Uses& before = uses[size_t(node.in[i])];
      if (before.writer >= 0) needed.insert(before.writer);
      if (writes(i)) needed.insert(before.readers.begin(), before.readers.end());
    }

    Step& step = steps_[size_t(n)];
    step.lane = std::min(pathway_of(node.name), count - 1);
    step.start = ends[size_t(step.lane)];
    // The last first: it is behind what its lane did before.
    for (auto other = needed.rbegin(); other != needed.rend(); ++other) {
      if (before(*other, n)) continue;
      step.waits.push_back(*other);
      step.start = joined(step.start, end(*other));
    }
    ends[size_t(step.lane)] = end(n);

    for (size_t i = 0; i < node.in.size(); ++i)
      if (!writes(i)) uses[size_t(node.in[i])].readers.push_back(n);
    for (size_t i = 0; i < node.in.size(); ++i)
      if (writes(i)) uses[size_t(node.in[i])] = {n, {}};
    for (int out : node.out) uses[size_t(out)].writer = n;
  }
}

Clock Lanes::end(int node) const {
  const Step& step = steps_[size_t(node)];
  Clock clock = step.start;
  ++clock[size_t(step.lane)];
  return clock;
}

}  // namespace sf
