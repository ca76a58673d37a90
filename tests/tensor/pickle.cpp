#include "tensor/pickle.h"

#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tensor/pickle_objects.h"
#include "tensor/pickle_text.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"
#include "tests/tensor/pickle_samples.h"

namespace sf {
namespace {

using namespace pickled;

Pickle parse(std::string_view bytes) { return Pickle::parse(std::as_bytes(std::span(bytes))); }

std::string text_of(const Pickle& pickle) {
  CopyBudget budget(1000);
  return PlainValues(budget).text(pickle.root());
}

void expect_refused_pickle(std::string_view wanted, const std::string& bytes) {
  const std::string error = error_of([&] { parse(bytes); });
  EXPECT_NE(error.find(wanted), std::string::npos) << "wanted: " << wanted << "\nfound:  " << error;
}

TEST(Pickle, EveryProtocolGivesTheSameValues) {
  for (const std::string_view hex : kPickleSamples) {
    const std::string bytes = from_hex(hex);
    const Pickle pickle = parse(bytes);
    EXPECT_EQ(pickle.consumed(), bytes.size());
    EXPECT_EQ(
        text_of(pickle),
        R"({"list":[1,-2,300,70000,-5,1099511627776,-1099511627776,1.5,null,true,false],"nested":{"a":{}},)"
        R"("set":[7],"shared":{"a":{}},"text":"café 中😀 \\u","tuple":[[],[1],[1,2],[1,2,3],[1,2,3,4]]})");
  }
}

TEST(Pickle, EveryTruncationIsReported) {
  for (const std::string_view hex : kPickleSamples) {
    const std::string bytes = from_hex(hex);
    for (size_t length = 0; length < bytes.size(); ++length)
      ASSERT_TRUE(error_of([&] { parse(bytes.substr(0, length)); }).starts_with("pickle: "))
          << length;
  }
}

TEST(Pickle, OtherGlobalsAreRefusedByName) {
  EXPECT_EQ(error_of([] { parse(whole(call(global("os", "system"), tuple({text("true")})))); }),
            "pickle: refuses global os.system");
  EXPECT_EQ(error_of([] { parse("\x80\x04\x8C\x05posix\x8C\x06system\x93."); }),
            "pickle: refuses global posix.system");
  EXPECT_EQ(error_of([] { parse(whole(global("torch", "FloatStorage\x01"))); }),
            "pickle: refuses global torch.FloatStorage\\x01");
  expect_refused_pickle("refuses global builtins.eval", whole(global("builtins", "eval")));
}

TEST(Pickle, ObjectsOfClassesAreRefused) {
  expect_refused_pickle("wanted an opcode for plain data at byte 1, found byte 105",
                        "(iposix\nsystem\n.");
  expect_refused_pickle("wanted an opcode for plain data at byte 5, found byte 111",
                        "(K\x01K\x02o.");
  expect_refused_pickle("wanted a global called with a tuple, found int and tuple",
                        whole(call(integer(1), tuple({}))));
  expect_refused_pickle("wanted a global called with a tuple, found global and int",
                        whole(call(global("collections", "OrderedDict"), integer(1))));
}

TEST(Pickle, MillionFoldNestingNeitherRecursesNorHangs) {
  constexpr size_t kDepth = 1000000;
  const std::string lists = repeated("]", kDepth) + repeated("a", kDepth - 1) + ".";
  const Pickle pickle = parse(lists);
  EXPECT_TRUE(pickle.root().is(PickleKind::list));
  EXPECT_LT(text_of(pickle).size(), 100u);
  const std::string tuples = cat("N", repeated("\x85", kDepth), ".");
  EXPECT_TRUE(parse(tuples).root().is(PickleKind::tuple));
  expect_refused_pickle("more than 1000 open marks", repeated("(", kDepth) + ".");
  expect_refused_pickle("more than 1048576 values", repeated("]", 2 * kDepth) + ".");
  expect_refused_pickle("values on the stack", repeated("N", 5 * kDepth) + ".");
}

TEST(Pickle, ValuesThatContainThemselvesOrEachOtherManyTimesStayBounded) {
  const Pickle self = parse(std::string("]q\0h\0a.", 7));
  EXPECT_TRUE(self.root().item(0).item(0).item(0).is(PickleKind::list));
  EXPECT_LT(text_of(self).size(), 100u);

  std::string laughs = text("ha");  // each tuple holds the former three times: 3^40 leaves
  for (int i = 0; i < 40; ++i) laughs += "22\x87";
  EXPECT_LT(text_of(parse(whole(laughs))).size(), 2u << 20);

  // A list of 1000 items, copied by 10000 calls.
  std::string copies = std::string("](") + repeated("N", 1000) + std::string("eq\0", 3) + "0(";
  for (int i = 0; i < 10000; ++i)
    copies += global("collections", "OrderedDict") + std::string("(h\0tR", 5);
  expect_refused_pickle("wanted pairs, found None", whole(copies + "t"));
  std::string sets = std::string("](") + repeated("N", 1000) + std::string("eq\0", 3) + "0(";
  for (int i = 0; i < 10000; ++i) sets += global("builtins", "set") + std::string("(h\0tR", 5);
  expect_refused_pickle("more than 4194304 references", whole(sets + "t"));

  // One text of 1000 characters, encoded 10000 times.
  std::string encodings = text(std::string(1000, 'x')) + std::string("q\0", 2) + "(";
  for (int i = 0; i < 10000; ++i)
    encodings += cat(global("_codecs", "encode"), "(", std::string("h\0", 2), text("latin1"), "tR");
  expect_refused_pickle("texts larger than twice the input", whole(encodings + "t"));
}

TEST(Pickle, LengthsBeyondTheInputAreRefused) {
  expect_refused_pickle("wanted 4294967295 bytes",
                        "\x80\x02X\xFF\xFF\xFF\xFF"
                        "abc.");
  expect_refused_pickle("wanted 18446744073709551615 bytes",
                        "\x80\x04\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF.");
  expect_refused_pickle("a frame of 18446744073709551615 bytes",
                        "\x80\x04\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFN.");
  expect_refused_pickle("wanted 4294967295 bytes", "\x80\x02\x8B\xFF\xFF\xFF\xFF\x01.");
}

TEST(Pickle, MalformedInputIsRefused) {
  expect_refused_pickle("wanted protocol 0 to 5, found 6", "\x80\x06N.");
  expect_refused_pickle("no memorised value 7", "h\x07.");
  expect_refused_pickle("finds too few values", "a.");
  expect_refused_pickle("finds too few values", "N(a.");
  expect_refused_pickle("finds no mark", "Nt.");
  expect_refused_pickle("wanted one value at the end, found 2", "NN.");
  expect_refused_pickle("wanted one value at the end, found 0", ".");
  expect_refused_pickle("a dict with a key but no value", "}(Nu.");
  expect_refused_pickle("wanted to fill a list, found dict", "}Na.");
  expect_refused_pickle("wanted to give state to an object, found list", "]Nb.");
  expect_refused_pickle("wanted a number of 64 bits, found '12x'", "I12x\n.");
  expect_refused_pickle("wanted a number of 64 bits", "L99999999999999999999L\n.");
  expect_refused_pickle("wanted a quoted string", "S'abc\n.");
  expect_refused_pickle("an escape that is cut off", "S'\\x4'\n.");
  expect_refused_pickle("unknown escape", "S'\\q'\n.");
  expect_refused_pickle("escape without hexadecimal digits", "V\\u12g4\n.");
  expect_refused_pickle("a character beyond Unicode", "V\\U00110000\n.");
  expect_refused_pickle(
      "a character that Latin-1 does not have",
      whole(call(global("_codecs", "encode"), tuple({text("\xE4\xB8\xAD"), text("latin1")}))));
}

TEST(Pickle, Python2StringsAreBytesAndNamesOfThemLatin1) {
  const Pickle line = parse("S'a\\x00\\xe9\\n\\\\\\''\n.");
  EXPECT_EQ(line.root().string(), std::string_view("a\0\xE9\n\\'", 6));
  EXPECT_EQ(parse("U\x02\xE9!.").root().name(), "\xC3\xA9!");
  const std::string encoded =
      whole(call(global("_codecs", "encode"), tuple({text("\xC3\xBF\x01"), text("latin1")})));
  const Pickle pickle = parse(encoded);
  EXPECT_TRUE(pickle.root().is(PickleKind::bytes));
  EXPECT_EQ(pickle.root().string(), "\xFF\x01");
}

// Eight bytes are decoded a step: every alignment, and every byte in every place of a step.
TEST(Pickle, EncodedBytesOfAnyLengthAreDecoded) {
  std::string all;
  for (int i = 0; i < 2048; ++i) all += char(i * 167 ^ i >> 3);
  for (size_t begin = 0; begin < 40; ++begin)
    for (size_t size = 0; size < 40; ++size) {
      const std::string_view bytes = std::string_view(all).substr(31 * begin, size);
      ASSERT_EQ(latin1_from_utf8(utf8(bytes)), bytes) << begin << " " << size;
    }
  EXPECT_EQ(latin1_from_utf8(utf8(all)), all);
}

TEST(Pickle, EncodedBytesAreDecodedInPartsOfAnySize) {
  std::string all;
  for (int i = 0; i < 512; ++i) all += char(i * 167 ^ i >> 3);
  const std::string text = utf8(all);
  for (size_t size = 1; size < 40; ++size) {
    Latin1Reader reader(text);
    std::string read;
    std::string part(size, '\0');
    size_t filled = size;
    while (filled == size) {
      filled = reader.read(part);
      read.append(part, 0, filled);
    }
    ASSERT_EQ(read, all) << size;
  }
}

TEST(Pickle, WhatIsNotLatin1IsRefusedInEveryPlace) {
  for (const std::string_view wrong :
       {"\xC4\x80", "\xC1\x80", "\x80", "\xC3", "\xC3\xC3\x80", "\xE4\xB8\xAD", "\xFF"})
    for (size_t before = 0; before < 20; ++before)
      for (size_t behind = 0; behind < 20; ++behind) {
        const std::string text = cat(std::string(before, 'a'), wrong, std::string(behind, 'b'));
        ASSERT_EQ(error_of([&] { latin1_from_utf8(text); }),
                  "pickle: _codecs.encode: a character that Latin-1 does not have")
            << before << " " << behind;
      }
}

TEST(Pickle, NumbersKeepTheirSignAndSize) {
  EXPECT_EQ(parse(std::string("\x8A\0.", 3)).root().integer(), 0);
  EXPECT_EQ(parse("\x8A\x01\xFF.").root().integer(), -1);
  EXPECT_EQ(parse(integer(INT64_MIN) + ".").root().integer(), INT64_MIN);
  EXPECT_TRUE(parse(std::string("\x8A\x09\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\0.", 12))
                  .root()
                  .is(PickleKind::big_integer));
  EXPECT_EQ(parse(std::string("G\xC0\x09\x21\xFB\x54\x44\x2D\x18.", 10)).root().real(),
            -3.141592653589793);
}

TEST(Pickle, AccessToAnotherKindThrows) {
  const Pickle pickle = parse("K\x01.");
  EXPECT_EQ(error_of([&] { pickle.root().string(); }), "wanted text, found int");
  EXPECT_EQ(error_of([&] { pickle.root().find("a"); }), "wanted a dict, found int");
  EXPECT_EQ(error_of([&] { pickle.root().item(0); }), "wanted item 0 of a int, found 0");
}

}  // namespace
}  // namespace sf
