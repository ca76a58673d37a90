#include "kernels/conv3d/problem_text.h"

#include <algorithm>
#include <charconv>
#include <vector>

#include <fmt/format.h>

namespace sf {
namespace {

std::string triple(const std::array<int, 3>& v) {
  return fmt::format("{}x{}x{}", v[0], v[1], v[2]);
}

std::vector<std::string_view> words(std::string_view line) {
  std::vector<std::string_view> out;
  while (true) {
    const size_t from = line.find_first_not_of(" \t\r");
    if (from == std::string_view::npos) return out;
    line.remove_prefix(from);
    const size_t to = std::min(line.find_first_of(" \t\r"), line.size());
    out.push_back(line.substr(0, to));
    line.remove_prefix(to);
  }
}

int parse_int(std::string_view word, std::string_view digits, int least) {
  int value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  SF_CHECK(error == std::errc() && end == digits.data() + digits.size() && value >= least &&
               value <= 1 << 20,
           "conv3d problem: wanted a number from ", least, " to ", 1 << 20, " in '", word, "'");
  return value;
}

std::array<int, 3> parse_triple(std::string_view word, std::string_view digits, int least) {
  std::array<int, 3> out{};
  for (size_t i = 0; i < 3; ++i) {
    const size_t cut = i < 2 ? digits.find('x') : digits.size();
    SF_CHECK(cut != std::string_view::npos, "conv3d problem: wanted three sizes TxHxW in '", word,
             "'");
    out[i] = parse_int(word, digits.substr(0, cut), least);
    digits.remove_prefix(std::min(cut + 1, digits.size()));
  }
  return out;
}

}  // namespace

std::string to_text(const Conv3dProblem& p) {
  return fmt::format(
      "conv3d {} n{} t{} h{} w{} c{} k{} kernel{} stride{} pad{} dilation{} groups{}{}{}{}{}",
      name_of(p.dtype), p.n, p.t, p.h, p.w, p.c, p.k, triple({p.kt, p.kh, p.kw}), triple(p.stride),
      triple(p.pad), triple(p.dilation), p.groups, p.bias ? " bias" : "",
      p.residual ? " residual" : "", p.activation == Activation::relu ? " relu" : "",
      p.tf32 ? " tf32" : "");
}

Conv3dProblem parse_conv3d_problem(std::string_view line) {
  const auto fields = words(line);
  SF_CHECK(fields.size() >= 2 && fields[0] == "conv3d",
           "conv3d problem: wanted 'conv3d DTYPE ...', found '", line, "'");
  Conv3dProblem p;
  p.dtype = parse_dtype(fields[1]);
  for (size_t i = 2; i < fields.size(); ++i) {
    const std::string_view word = fields[i];
    const size_t cut = std::min(word.find_first_of("0123456789"), word.size());
    const std::string_view key = word.substr(0, cut), digits = word.substr(cut);
    if (key == "n")
      p.n = parse_int(word, digits, 1);
    else if (key == "t")
      p.t = parse_int(word, digits, 1);
    else if (key == "h")
      p.h = parse_int(word, digits, 1);
    else if (key == "w")
      p.w = parse_int(word, digits, 1);
    else if (key == "c")
      p.c = parse_int(word, digits, 1);
    else if (key == "k")
      p.k = parse_int(word, digits, 1);
    else if (key == "groups")
      p.groups = parse_int(word, digits, 1);
    else if (key == "stride")
      p.stride = parse_triple(word, digits, 1);
    else if (key == "pad")
      p.pad = parse_triple(word, digits, 0);
    else if (key == "dilation")
      p.dilation = parse_triple(word, digits, 1);
    else if (key == "kernel") {
      const auto kernel = parse_triple(word, digits, 1);
      p.kt = kernel[0], p.kh = kernel[1], p.kw = kernel[2];
    } else if (word == "bias")
      p.bias = true;
    else if (word == "residual")
      p.residual = true;
    else if (word == "relu")
      p.activation = Activation::relu;
    else if (word == "tf32")
      p.tf32 = true;
    else
      throw Error(cat("conv3d problem: unknown field '", word, "'"));
  }
  SF_CHECK(p.c % p.groups == 0 && p.k % p.groups == 0, "conv3d problem: ", p.c, " and ", p.k,
           " channels do not divide into ", p.groups, " groups");
  for (const auto& [in, window, axis] : {std::tuple{p.t, p.kt, 0}, {p.h, p.kh, 1}, {p.w, p.kw, 2}})
    SF_CHECK(p.dilation[size_t(axis)] * (window - 1) + 1 <= in + 2 * p.pad[size_t(axis)],
             "conv3d problem: the window does not fit in '", line, "'");
  p.x_pitch = p.c;
  p.y_pitch = p.residual_pitch = p.k;
  return p;
}

}  // namespace sf
