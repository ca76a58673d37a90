#include "data/rand_augment.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <set>
#include <string>

#include "configs/config.h"
#include "data/random_draws.h"
#include "kernels/base/error.h"

namespace sf {
namespace {

// The amount of a change from a level in [0, 1] and a random sign.
using Amount = double (*)(double level, double sign);

double none(double, double) { return 0; }
double degrees(double level, double sign) { return sign * level * 30; }
double bits(double level, double) { return std::floor(level * 4); }
double fewer_bits(double level, double) { return 4 - std::floor(level * 4); }
double threshold(double level, double) { return std::floor(level * 256); }
double lower_threshold(double level, double) { return 256 - std::floor(level * 256); }
double added(double level, double) { return std::floor(level * 110); }
double factor(double level, double) { return level * 1.8 + 0.1; }
double factor_from_one(double level, double sign) { return 1 + sign * (level * 0.9); }
double shear(double level, double sign) { return sign * level * 0.3; }
double share_of_side(double level, double sign) { return sign * level * 0.45; }

struct Choice {
  PictureChange change;
  double weight;
  Amount amount;
  Amount increasing_amount;
};

using enum PictureChange;

constexpr std::array<Choice, 15> kChoices{{
    {auto_contrast, 0.025, none, none},
    {equalize, 0.005, none, none},
    {invert, 0, none, none},
    {rotate, 0.3, degrees, degrees},
    {posterize, 0, bits, fewer_bits},
    {solarize, 0.005, threshold, lower_threshold},
    {solarize_add, 0.005, added, added},
    {color, 0.025, factor, factor_from_one},
    {contrast, 0.005, factor, factor_from_one},
    {brightness, 0.005, factor, factor_from_one},
    {sharpness, 0.025, factor, factor_from_one},
    {shear_x, 0.2, shear, shear},
    {shear_y, 0.2, shear, shear},
    {translate_x, 0.1, share_of_side, share_of_side},
    {translate_y, 0.1, share_of_side, share_of_side},
}};

enum Draw : uint64_t { kChoice, kLeftOut, kSign, kFrames };
constexpr uint64_t kMagnitude = 2;  // a normal draw, of positions 4 and 5

// The change that a draw from [0, 1) falls on, by the weights of those that are not taken.
size_t weighted_choice(const std::set<size_t>& taken, double draw) {
  double total = 0;
  for (size_t i = 0; i < kChoices.size(); ++i)
    if (!taken.contains(i)) total += kChoices[i].weight;
  double left = draw * total;
  size_t choice = 0;
  for (size_t i = 0; i < kChoices.size(); ++i) {
    if (taken.contains(i) || kChoices[i].weight == 0) continue;
    choice = i;
    left -= kChoices[i].weight;
    if (left < 0) break;
  }
  return choice;
}

void check(const RandAugmentOptions& o) {
  const auto weighted =
      std::ranges::count_if(kChoices, [](const Choice& c) { return c.weight > 0; });
  SF_CHECK(o.layers >= 0 && (!o.weighted || o.layers <= weighted),
           "RandAugment: wanted no negative number of layers, and weighted ones up to ", weighted,
           ", found ", o.layers);
  SF_CHECK(std::isfinite(o.magnitude) && std::isfinite(o.magnitude_std) && o.magnitude_std >= 0,
           "RandAugment: wanted a magnitude and its deviation, found ", o.magnitude, " and ",
           o.magnitude_std);
}

}  // namespace

RandAugmentOptions parse_rand_augment(std::string_view text, std::string_view where) {
  RandAugmentOptions o;
  std::set<std::string_view> seen;
  // Reads "rand", or a name and its number. Each stands once, "rand" first.
  const auto read = [&](std::string_view part) {
    const size_t digit = std::min(part.find_first_of("0123456789"), part.size());
    const std::string_view name = part.substr(0, digit);
    const char* const end = part.data() + part.size();
    const auto number = [&](auto& value) {
      const auto [stop, error] = std::from_chars(part.data() + digit, end, value);
      return stop == end && error == std::errc();
    };
    int any = 0;
    if (!seen.insert(name).second || (name == "rand") != (seen.size() == 1)) return false;
    if (name == "rand") return part == name;
    if (name == "m") {
      const bool good = number(any);
      o.magnitude = any;
      return good;
    }
    if (name == "mstd") return number(o.magnitude_std);
    if (name == "n") return number(o.layers);
    if (name == "inc") return o.increasing = number(any);
    if (name == "w") return (o.weighted = number(any)) && any == 0;
    return false;
  };
  for (size_t at = 0; at <= text.size();) {
    const std::string_view part = text.substr(at, text.find('-', at) - at);
    SF_CHECK(read(part), where, ": wanted RandAugment as in rand-m9-n2-mstd0.5-inc1-w0, found \"",
             part, "\" in \"", text, "\"");
    at += part.size() + 1;
  }
  check(o);
  return o;
}

std::optional<Interpolation> parse_interpolation(std::string_view word, std::string_view where) {
  if (word == "nearest") return Interpolation::nearest;
  if (word == "bilinear") return Interpolation::bilinear;
  if (word == "bicubic") return Interpolation::bicubic;
  SF_CHECK(word == "random", where, ": wanted nearest, bilinear, bicubic or random, found \"", word,
           "\"");
  return {};
}

std::vector<PictureOp> rand_augment(const RandAugmentOptions& o, const CounterRng& rng,
                                    int64_t frame) {
  check(o);
  std::vector<PictureOp> ops;
  std::set<size_t> taken;
  for (uint64_t layer = 0; layer < uint64_t(o.layers); ++layer) {
    const CounterRng draws = derived(rng, layer);
    const size_t number = o.weighted ? weighted_choice(taken, unit(draws, kChoice))
                                     : size_t(below(draws, kChoice, int64_t(kChoices.size())));
    taken.insert(number);
    if (unit(draws, kLeftOut) < 0.5) continue;
    double magnitude = o.magnitude;
    if (o.magnitude_std > 0) magnitude += o.magnitude_std * draws.normal(kMagnitude);
    const double level = std::clamp(magnitude, 0.0, 10.0) / 10;
    const double sign = unit(draws, kSign) < 0.5 ? -1 : 1;
    const Choice& choice = kChoices[number];
    const bool smooth = unit(derived(draws, kFrames), uint64_t(frame)) < 0.5;
    ops.push_back({.change = choice.change,
                   .amount = (o.increasing ? choice.increasing_amount : choice.amount)(level, sign),
                   .interpolation = o.interpolation.value_or(smooth ? Interpolation::bicubic
                                                                    : Interpolation::bilinear)});
  }
  return ops;
}

std::optional<RandAugmentOptions> rand_augment_options(const Config& config) {
  const auto text = config.get<std::string>("AUG.AA_TYPE");
  if (!config.get<bool>("AUG.ENABLE") || text.empty()) return {};
  RandAugmentOptions o = parse_rand_augment(text, "AUG.AA_TYPE");
  o.interpolation =
      parse_interpolation(config.get<std::string>("AUG.INTERPOLATION"), "AUG.INTERPOLATION");
  return o;
}

}  // namespace sf
