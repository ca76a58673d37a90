// 1x1x1 convolutions with seven products of half their rows, depth and columns instead of eight:
// Strassen, "Gaussian elimination is not optimal" (1969), with Winograd's 15 sums. With x = [A B; C
// D], rows by channels, and w = [E F; G H], channels by output channels, and
//   r = C + D, s = r - A, u = A - C, v = B - s    and    f = F - E, g = H - f, h = H - F,
// y = [A E + B G, U + r f + v H; V - D (g - G), V + r f] with U = A E + s g, V = U + u h.
// Rows are the pixels of a block of a frame, the same ones whatever the number of threads and of
// clips, so that the bits of results are. Where they are odd, the last of A B has none to go with.
#include <algorithm>

#include "kernels/base/divide_up.h"
#include "kernels/base/state_row.h"
#include "kernels/base/threads.h"
#include "kernels/conv3d/geometry.h"
#include "kernels/conv3d/transposed.h"

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "kernels/conv3d/strassen.cpp"
#include "hwy/foreach_target.h"
#include "hwy/highway.h"
#include "kernels/conv3d/panel_product-inl.h"
#include "kernels/conv3d/windows-inl.h"

#ifndef SF_KERNELS_CONV3D_STRASSEN_ONCE_
#define SF_KERNELS_CONV3D_STRASSEN_ONCE_
namespace sf::strassen {

inline constexpr int kProducts = 7, kRowSums = 4, kKept = 3;
inline constexpr int64_t kPanel = 32;  // columns at most

struct Work {
  Conv3dProblem problem;
  int64_t depth, columns;  // of a product
  int64_t frame;           // pixels
  int64_t blocks;          // of a frame
  int64_t groups;          // of columns, for each block
  int slots;               // threads with a block each
  int64_t pitch;           // of copied rows of x; 0: they are taken where they lie
  int64_t sum_pitch;       // of sums of rows
  bool far_rows;           // of x, read in the order in which they lie, may come from memory

  explicit Work(const Conv3dProblem& p) : Work(p, copies_rows_of(p), max_threads()) {}
  Work(const Conv3dProblem& p, bool copied, int threads)
      : problem(p),
        depth(p.c / 2),
        columns(p.k / 2),
        frame(int64_t{p.out_h()} * p.out_w()),
        blocks(blocks_of(pairs())),
        groups(std::clamp<int64_t>(divide_up(threads, frames() * blocks), 1,
                                   divide_up(columns, kPanel))),
        slots(int(std::min<int64_t>(threads, tasks()))),
        pitch(copied ? p.c + 16 : 0),
        sum_pitch(depth + 16),
        far_rows(!copied && p.x_pitch == p.c && p.k <= p.c) {}

  struct Task {
    int64_t pixel, pixels;  // of the block
    int64_t column, end;    // of the group
    bool first;             // of its slot: weights come from memory

    int64_t upper() const { return (pixels + 1) / 2; }
    int64_t lower() const { return pixels / 2; }
  };
  int64_t tasks() const { return frames() * blocks * groups; }
  Task task(int64_t slot, int64_t i) const {
    const int64_t in_frame = i / groups % blocks, group = i % groups;
    const auto pixel = [&](int64_t block) {
      return std::min(2 * (pairs() * block / blocks), frame);
    };
    const auto column = [&](int64_t to) {
      return std::min(divide_up(columns, kPanel) * to / groups * kPanel, columns);
    };
    return {.pixel = i / groups / blocks * frame + pixel(in_frame),
            .pixels = pixel(in_frame + 1) - pixel(in_frame),
            .column = column(group),
            .end = column(group + 1),
            .first = i == tasks() * slot / slots};
  }

  // Values of a slot's workspace: copied rows, sums of rows, sums of products.
  int64_t copied() const { return 2 * most_pairs() * pitch; }
  int64_t sums() const { return kRowSums * most_pairs() * sum_pitch; }
  int64_t kept() const { return kKept * most_pairs() * kPanel; }
  SlotMemory<float> memory() const { return SlotMemory<float>(copied() + sums() + kept()); }

  size_t workspace_bytes() const { return memory().bytes(slots); }
  size_t packed_bytes() const { return size_t(kProducts * depth * columns) * sizeof(float); }
  void pack(const void* weights, void* packed) const;
  void run(const Conv3dArgs& args, void* workspace) const;

 private:
  static bool copies_rows_of(const Conv3dProblem& p);
  // Of two tiles of a product each, or of three where two blocks would be of little more than one.
  static int64_t blocks_of(int64_t pairs) {
    constexpr int64_t kPairs = 28, kFewest = 21;
    const int64_t blocks = divide_up(pairs, kPairs);
    return blocks > 1 && pairs / blocks < kFewest ? blocks - 1 : blocks;
  }
  int64_t frames() const { return int64_t{problem.n} * problem.out_t(); }
  int64_t pairs() const { return divide_up(frame, 2); }
  int64_t most_pairs() const { return divide_up(pairs(), blocks); }
};

}  // namespace sf::strassen
#endif

HWY_BEFORE_NAMESPACE();
namespace sf::HWY_NAMESPACE {
namespace {

using strassen::kPanel;
using strassen::Work;

// Takes a product's sums: adds some that were kept, keeps the result, adds others, and gives that
// to y; each of it if there is a place.
struct StrassenStore {
  const float* first = nullptr;
  float* kept = nullptr;
  const float* second = nullptr;
  const OutputStore<float>* y = nullptr;
  int64_t row = 0, column = 0;

  HWY_INLINE StrassenStore of(int64_t to_column) const {
    return {first, kept, second, y, 0, to_column};
  }
  HWY_INLINE StrassenStore at(int64_t to_row, int64_t) const {
    return {first, kept, second, y, to_row, column};
  }
  template <class D>
  HWY_INLINE void expect(D d, int rows, int vectors) const {
    if (y) y->at(row, column).expect(d, rows, vectors);
  }
  template <class D, int kRows, int kVectors>
  HWY_INLINE void tile(D d, hn::Vec<D> (&sums)[kRows][kVectors]) const {
    if (first) add(d, sums, first);
    if (kept)
      for_sums(d, sums, [&](auto& sum, int64_t i, int64_t j) HWY_ATTR {
        hn::StoreU(sum, d, kept + place(i, j));
      });
    if (second) add(d, sums, second);
    if (y) y->at(row, column).tile(d, sums);
  }

 private:
  HWY_INLINE int64_t place(int64_t i, int64_t j) const { return (row + i) * kPanel + j; }
  template <class D, int kRows, int kVectors>
  HWY_INLINE void add(D d, hn::Vec<D> (&sums)[kRows][kVectors], const float* from) const {
    for_sums(d, sums, [&](auto& sum, int64_t i, int64_t j) HWY_ATTR {
      sum = hn::Add(sum, hn::LoadU(d, from + place(i, j)));
    });
  }
};

// r, s, u and v of the task's rows; `sums` has them one after the other.
void sum_rows(const Work::Task& task, const float* rows, int64_t pitch, int64_t depth, float* sums,
              int64_t sum_pitch) {
  const int64_t size = task.upper() * sum_pitch;
  for (int64_t row = 0; row < task.upper(); ++row, rows += pitch, sums += sum_pitch) {
    const float* lower = row < task.lower() ? rows + task.upper() * pitch : nullptr;
    for_lanes(depth, [&](auto d, int64_t i) HWY_ATTR {
      const auto a = hn::LoadU(d, rows + i), b = hn::LoadU(d, rows + depth + i);
      const auto c = lower ? hn::LoadU(d, lower + i) : hn::Zero(d);
      const auto r = lower ? hn::Add(c, hn::LoadU(d, lower + depth + i)) : c;
      const auto s = hn::Sub(r, a);
      hn::StoreU(r, d, sums + i);
      hn::StoreU(s, d, sums + size + i);
      hn::StoreU(hn::Sub(a, c), d, sums + 2 * size + i);
      hn::StoreU(hn::Sub(b, s), d, sums + 3 * size + i);
    });
  }
}

void run_tasks(const Work& work, const Conv3dArgs& args, void* workspace) {
  const Conv3dProblem& p = work.problem;
  const ConvGeometry geometry(p);
  const OutputStore<float> store(p, args);
  const auto* x = static_cast<const float*>(args.x);
  const auto* weights = static_cast<const float*>(args.w);
  const WindowPart<float> all(geometry, x, 0, p.c);
  const int64_t depth = work.depth, columns = work.columns;
  parallel_for_slots(work.tasks(), work.slots, [&](int64_t slot, int64_t i) HWY_ATTR {
    const Work::Task task = work.task(slot, i);
    const int64_t upper = task.upper(), lower = task.lower();
    float* copied = work.memory().of(slot, workspace);
    float* sums = copied + work.copied();
    float* kept = sums + work.sums();
    const float* rows = work.pitch > 0 ? copied : x + task.pixel * p.x_pitch;
    const int64_t pitch = work.pitch > 0 ? work.pitch : p.x_pitch, sum_pitch = work.sum_pitch;
    if (work.pitch > 0) all.gather(task.pixel, task.pixels, pitch, copied);
    sum_rows(task, rows, pitch, depth, sums, sum_pitch);

    const auto sum = [&](int which) { return sums + which * upper * sum_pitch; };
    const auto place = [&](int which) { return kept + which * upper * kPanel; };
    const OutputStore<float> y[] = {store.at(task.pixel, 0), store.at(task.pixel, columns),
                                    store.at(task.pixel + upper, 0),
                                    store.at(task.pixel + upper, columns)};
    const struct {
      const float* a;
      int64_t pitch, rows;
      StrassenStore store;
    } products[] = {
        {rows, pitch, upper, {.kept = place(0)}},
        {rows + depth, pitch, upper, {.first = place(0), .y = &y[0]}},
        {sum(0), sum_pitch, upper, {.kept = place(1)}},
        {sum(1), sum_pitch, upper, {.first = place(0), .kept = place(2)}},
        {sum(2),
         sum_pitch,
         lower,
         {.first = place(2), .kept = place(0), .second = place(1), .y = &y[3]}},
        {rows + upper * pitch + depth, pitch, lower, {.first = place(0), .y = &y[2]}},
        {sum(3), sum_pitch, upper, {.first = place(2), .second = place(1), .y = &y[1]}}};
    with_vectors_of(int(columns), [&](auto d) HWY_ATTR {
      const int64_t width = RowsByPanels<float>::whole_width(d);
      for (int64_t column = task.column; column < task.end; column += width) {
        const int64_t together = std::min(width, columns - column);
        const float* panel = weights + strassen::kProducts * depth * column;
        // The rows of the next block, a quarter with each of four products.
        const float* next = rows + task.pixels * pitch;
        const float* end = next + task.pixels * p.c;
        for (const auto& product : products) {
          const RowsByPanels<float> part{product.a, product.pitch, product.rows,
                                         depth,     panel,         together};
          const StrassenStore to = product.store.of(column);
          if (task.first)
            part.multiply(d, 0, together, to, FarPanels());
          else if (work.far_rows && column == task.column && next < end)
            part.multiply(d, 0, together, to, FarRows{next});
          else
            part.multiply(d, 0, together, to);
          panel += depth * together;
          next += product.rows * depth;
        }
      }
    });
  });
}

// Sums of quarters of the weights in the order of the products.
void pack_panels(const Work& work, const float* weights, float* packed) {
  using Product = RowsByPanels<float>;
  const WeightStrides at = plain_weights(work.problem);
  const int64_t depth = work.depth, columns = work.columns;
  with_vectors_of(int(columns), [&](auto d) HWY_ATTR {
    parallel_for(columns, kPanel, [&](int64_t k) HWY_ATTR {
      for (int64_t c = 0; c < depth; ++c) {
        const float* quarter = weights + k * at.out + c * at.in;
        const double left = quarter[0], right = quarter[columns * at.out];
        const double low_left = quarter[depth * at.in],
                     low_right = quarter[columns * at.out + depth * at.in];
        const double f = right - left, g = low_right - f;
        const double values[strassen::kProducts] = {left,         low_left, f, g, low_right - right,
                                                    low_left - g, low_right};
        const int64_t width = Product::whole_width(d), column = k / width * width;
        const int64_t together = std::min(width, columns - column);
        float* to = packed + strassen::kProducts * depth * column + c * together + (k - column);
        for (const double value : values) *to = float(value), to += depth * together;
      }
    });
  });
}

bool copies_rows(const Conv3dProblem& p) { return wants_copies(p, kTileRows); }

}  // namespace
}  // namespace sf::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace sf {
namespace {

HWY_EXPORT(run_tasks);
HWY_EXPORT(pack_panels);
HWY_EXPORT(copies_rows);

bool can_run(const Conv3dProblem& p) {
  return p.winograd && p.dtype == DType::f32 && !p.sums && p.groups == 1 &&
         p.kt * p.kh * p.kw == 1 && p.c % 2 == 0 && p.k % 16 == 0 && ConvGeometry::fits(p);
}

// Against `gemm`, measured on Zen 4, but for frames: of fewer pixels each pass over the weights
// would be for little.
bool worth(const Conv3dProblem& p) {
  return p.c >= 256 && p.k >= 64 && p.out_h() * p.out_w() >= 48;
}

}  // namespace

namespace strassen {

bool Work::copies_rows_of(const Conv3dProblem& p) { return HWY_DYNAMIC_DISPATCH(copies_rows)(p); }

void Work::pack(const void* weights, void* packed) const {
  HWY_DYNAMIC_DISPATCH(pack_panels)
  (*this, static_cast<const float*>(weights), static_cast<float*>(packed));
}

void Work::run(const Conv3dArgs& args, void* workspace) const {
  HWY_DYNAMIC_DISPATCH(run_tasks)(*this, args, workspace);
}

}  // namespace strassen

extern constinit const Conv3dKernel kConv3dStrassen = state_row<strassen::Work>(
    Conv3dKernel{.name = "strassen", .exact = false, .can_run = can_run, .worth = worth});

}  // namespace sf
#endif  // HWY_ONCE
