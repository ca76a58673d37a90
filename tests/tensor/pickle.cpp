#include "tensor/pickle.h"

#include <array>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tensor/pickle_objects.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"

namespace sf {
namespace {

using namespace pickled;

Pickle parse(std::string_view bytes) { return Pickle::parse(std::as_bytes(std::span(bytes))); }

std::string text_of(const Pickle& pickle) {
  CopyBudget budget(1000);
  return PlainValues(budget).text(pickle.root());
}

void expect_refusal(std::string_view wanted, const std::string& bytes) {
  const std::string error = error_of([&] { parse(bytes); });
  EXPECT_NE(error.find(wanted), std::string::npos) << "wanted: " << wanted << "\nfound:  " << error;
}

std::string from_hex(std::string_view hex) {
  std::string out;
  for (size_t i = 0; i < hex.size(); i += 2)
    out += char(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16));
  return out;
}

std::string repeated(std::string_view part, size_t times) {
  std::string out;
  for (size_t i = 0; i < times; ++i) out += part;
  return out;
}

// One object as CPython 3 writes it with protocol 0 to 5.
constexpr std::array<std::string_view, 6> kProtocols{
    "286470300a566c6973740a70310a286c70320a49310a61492d320a61493330300a614937303030300a61492d350a61"
    "4c3130"
    "39393531313632373737364c0a614c2d313039393531313632373737364c0a6146312e350a614e614930310a614930"
    "300a61"
    "7356746578740a70330a56636166e9205c75346532645c553030303166363030205c7530303563750a70340a735674"
    "75706c"
    "650a70350a2828742849310a7470360a2849310a49320a7470370a2849310a49320a49330a7470380a2849310a4932"
    "0a4933"
    "0a49340a7470390a747031300a73567368617265640a7031310a28647031320a56610a7031330a28647031340a7373"
    "566e65"
    "737465640a7031350a6731320a73567365740a7031360a635f5f6275696c74696e5f5f0a7365740a7031370a28286c"
    "703138"
    "0a49370a61747031390a527032300a732e",
    "7d71002858040000006c69737471015d7102284b014afeffffff4d2c014a701101004afbffffff4c31303939353131"
    "363237"
    "3737364c0a4c2d313039393531313632373737364c0a473ff80000000000004e4930310a4930300a65580400000074"
    "657874"
    "71035810000000636166c3a920e4b8adf09f9880205c75710458050000007475706c6571052829284b01747106284b"
    "014b02"
    "747107284b014b024b03747108284b014b024b034b0474710974710a5806000000736861726564710b7d710c580100"
    "000061"
    "710d7d710e7358060000006e6573746564710f680c58030000007365747110635f5f6275696c74696e5f5f0a736574"
    "0a7111"
    "285d71124b0761747113527114752e",
    "80027d71002858040000006c69737471015d7102284b014afeffffff4d2c014a701101004afbffffff8a0600000000"
    "00018a"
    "060000000000ff473ff80000000000004e88896558040000007465787471035810000000636166c3a920e4b8adf09f"
    "988020"
    "5c75710458050000007475706c65710528294b018571064b014b028671074b014b024b03877108284b014b024b034b"
    "047471"
    "0974710a5806000000736861726564710b7d710c580100000061710d7d710e7358060000006e6573746564710f680c"
    "580300"
    "00007365747110635f5f6275696c74696e5f5f0a7365740a71115d71124b0761857113527114752e",
    "80037d71002858040000006c69737471015d7102284b014afeffffff4d2c014a701101004afbffffff8a0600000000"
    "00018a"
    "060000000000ff473ff80000000000004e88896558040000007465787471035810000000636166c3a920e4b8adf09f"
    "988020"
    "5c75710458050000007475706c65710528294b018571064b014b028671074b014b024b03877108284b014b024b034b"
    "047471"
    "0974710a5806000000736861726564710b7d710c580100000061710d7d710e7358060000006e6573746564710f680c"
    "580300"
    "00007365747110636275696c74696e730a7365740a71115d71124b0761857113527114752e",
    "800495ac000000000000007d94288c046c697374945d94284b014afeffffff4d2c014a701101004afbffffff8a0600"
    "000000"
    "00018a060000000000ff473ff80000000000004e8889658c0474657874948c10636166c3a920e4b8adf09f9880205c"
    "75948c"
    "057475706c659428294b0185944b014b0286944b014b024b038794284b014b024b034b04749474948c067368617265"
    "64947d"
    "948c0161947d94738c066e657374656494680c8c03736574948f94284b0790752e",
    "800595ac000000000000007d94288c046c697374945d94284b014afeffffff4d2c014a701101004afbffffff8a0600"
    "000000"
    "00018a060000000000ff473ff80000000000004e8889658c0474657874948c10636166c3a920e4b8adf09f9880205c"
    "75948c"
    "057475706c659428294b0185944b014b0286944b014b024b038794284b014b024b034b04749474948c067368617265"
    "64947d"
    "948c0161947d94738c066e657374656494680c8c03736574948f94284b0790752e",
};

TEST(Pickle, EveryProtocolGivesTheSameValues) {
  for (const std::string_view hex : kProtocols) {
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
  for (const std::string_view hex : kProtocols) {
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
  expect_refusal("refuses global builtins.eval", whole(global("builtins", "eval")));
}

TEST(Pickle, ObjectsOfClassesAreRefused) {
  expect_refusal("wanted an opcode for plain data at byte 1, found byte 105", "(iposix\nsystem\n.");
  expect_refusal("wanted an opcode for plain data at byte 5, found byte 111", "(K\x01K\x02o.");
  expect_refusal("wanted a global called with a tuple, found int and tuple",
                 whole(call(integer(1), tuple({}))));
  expect_refusal("wanted a global called with a tuple, found global and int",
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
  expect_refusal("more than 1000 open marks", repeated("(", kDepth) + ".");
  expect_refusal("more than 1048576 values", repeated("]", 2 * kDepth) + ".");
  expect_refusal("values on the stack", repeated("N", 5 * kDepth) + ".");
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
  expect_refusal("wanted pairs, found None", whole(copies + "t"));
  std::string sets = std::string("](") + repeated("N", 1000) + std::string("eq\0", 3) + "0(";
  for (int i = 0; i < 10000; ++i) sets += global("builtins", "set") + std::string("(h\0tR", 5);
  expect_refusal("more than 4194304 references", whole(sets + "t"));

  // One text of 1000 characters, encoded 10000 times.
  std::string encodings = text(std::string(1000, 'x')) + std::string("q\0", 2) + "(";
  for (int i = 0; i < 10000; ++i)
    encodings += cat(global("_codecs", "encode"), "(", std::string("h\0", 2), text("latin1"), "tR");
  expect_refusal("texts larger than twice the input", whole(encodings + "t"));
}

TEST(Pickle, LengthsBeyondTheInputAreRefused) {
  expect_refusal("wanted 4294967295 bytes",
                 "\x80\x02X\xFF\xFF\xFF\xFF"
                 "abc.");
  expect_refusal("wanted 18446744073709551615 bytes",
                 "\x80\x04\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF.");
  expect_refusal("a frame of 18446744073709551615 bytes",
                 "\x80\x04\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFFN.");
  expect_refusal("wanted 4294967295 bytes", "\x80\x02\x8B\xFF\xFF\xFF\xFF\x01.");
}

TEST(Pickle, MalformedInputIsRefused) {
  expect_refusal("wanted protocol 0 to 5, found 6", "\x80\x06N.");
  expect_refusal("no memorised value 7", "h\x07.");
  expect_refusal("finds too few values", "a.");
  expect_refusal("finds too few values", "N(a.");
  expect_refusal("finds no mark", "Nt.");
  expect_refusal("wanted one value at the end, found 2", "NN.");
  expect_refusal("wanted one value at the end, found 0", ".");
  expect_refusal("a dict with a key but no value", "}(Nu.");
  expect_refusal("wanted to fill a list, found dict", "}Na.");
  expect_refusal("wanted to give state to an object, found list", "]Nb.");
  expect_refusal("wanted a number of 64 bits, found '12x'", "I12x\n.");
  expect_refusal("wanted a number of 64 bits", "L99999999999999999999L\n.");
  expect_refusal("wanted a quoted string", "S'abc\n.");
  expect_refusal("an escape that is cut off", "S'\\x4'\n.");
  expect_refusal("unknown escape", "S'\\q'\n.");
  expect_refusal("escape without hexadecimal digits", "V\\u12g4\n.");
  expect_refusal("a character beyond Unicode", "V\\U00110000\n.");
  expect_refusal(
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
