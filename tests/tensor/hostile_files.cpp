// Files that were made to hurt: each ends in a checkpoint or in one line of error, soon and within
// bounded memory. What single readers refuse stands beside the tests of those readers.
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "tensor/checkpoint.h"
#include "tests/hang_guard.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"
#include "tests/tensor/zip_bytes.h"

namespace sf {
namespace {

using namespace pickled;

// A dict of texts "0", "1", ... that all have one value, which the file holds once.
std::string shared(const std::string& value, int times) {
  const std::string again("h\0", 2);
  std::string out = value + std::string("q\0", 2) + "0}(";
  for (int i = 0; i < times; ++i) out += text(std::to_string(i)) + again;
  return out + "u";
}

class HostileFiles : public testing::Test {
 protected:
  // The error of a file of these bytes; empty if it is read.
  std::string refusal_of(const std::string& bytes) {
    write_bytes(path_, bytes);
    return refusal();
  }

  // An object in each container of pickles.
  void expect_refusal_in_all(std::string_view wanted, const std::string& object) {
    for (const char* container : {"Caffe2", "stream", "zip"}) {
      put(container, object);
      const std::string error = refusal();
      EXPECT_NE(error.find(wanted), std::string::npos) << container << ": " << error;
    }
  }

  void put(std::string_view container, const std::string& object) {
    if (container == "Caffe2") return write_bytes(path_, whole(object));
    if (container == "stream") return write_bytes(path_, stream(object, list({}), ""));
    write_zip(path_, {{"archive/data.pkl", whole(object)}});
  }

  std::string refusal() {
    const HangGuard guard;
    std::string error = error_of([&] { load_checkpoint(path_); });
    EXPECT_TRUE(error.empty() || error.starts_with(path_.string() + ": ")) << error;
    EXPECT_EQ(error.find('\n'), std::string::npos) << error;
    return error;
  }

  TemporaryFolder folder_;
  std::filesystem::path path_ = folder_ / "file";
};

TEST_F(HostileFiles, NoContainerRunsWhatAPickleNames) {
  const std::string mark = (folder_ / "was_run").string();
  const std::string command = tuple({text("touch " + mark)});
  expect_refusal_in_all("refuses global os.system", call(global("os", "system"), command));
  expect_refusal_in_all("refuses global posix.system",
                        dict({{text("a"), call(global("posix", "system"), command)}}));
  EXPECT_FALSE(std::filesystem::exists(mark));
}

TEST_F(HostileFiles, MillionFoldNestingEndsInALine) {
  constexpr size_t kDepth = 1000000;
  const std::string lists = repeated("]", kDepth) + repeated("a", kDepth - 1);
  expect_refusal_in_all("wanted a dict", lists);
  expect_refusal_in_all("wanted a dict", "N" + repeated("\x85", kDepth));
  expect_refusal_in_all("more than 1000 open marks", repeated("(", kDepth));
  // Beside weights it is an entry like others, told in short.
  for (const auto& [container, weights] :
       {std::pair("Caffe2", "blobs"), std::pair("stream", "model_state")}) {
    put(container, dict({{text(weights), dict({})}, {text("other"), lists}}));
    const HangGuard guard;
    EXPECT_LT(load_checkpoint(path_).text.at("other").size(), 100u) << container;
  }
}

TEST_F(HostileFiles, LengthsThatLieEndInALine) {
  expect_refusal_in_all("pickle: wanted 4294967295 bytes", "X\xFF\xFF\xFF\xFF");
  expect_refusal_in_all("pickle: wanted 18446744073709551615 bytes",
                        "\x8D\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF");
  expect_refusal_in_all("pickle: a frame of 9223372036854775807 bytes",
                        "\x95\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F");
}

TEST_F(HostileFiles, ATextUsedManyTimesDoesNotMultiply) {
  const std::string megabyte = text(std::string(1 << 20, 'x'));
  const std::string_view wanted =
      "contents of 1048576 bytes more than a file of this size may give";
  put("Caffe2", dict({{text("blobs"), dict({})}, {text("other"), shared(megabyte, 2000)}}));
  EXPECT_NE(refusal().find(wanted), std::string::npos);
  put("stream", dict({{text("model_state"), shared(megabyte, 2000)}}));
  EXPECT_NE(refusal().find(wanted), std::string::npos);
}

TEST_F(HostileFiles, OptimizerStateUsedManyTimesDoesNotMultiply) {
  constexpr int kMany = 3000;  // of parameters that share a dict of as many numbers: 9 million
  std::string numbers = "}(", state = "}(", params = "](";
  for (int i = 0; i < kMany; ++i) {
    numbers += text(std::to_string(i)) + integer(i);
    state += integer(i) + std::string("h\1", 2);
    params += integer(i);
  }
  const std::string object =
      dict({{text("model_state"), dict({})},
            {text("numbers"), cat(numbers, "uq\1")},
            {text("optimizer_state"),
             dict({{text("state"), state + "u"},
                   {text("param_groups"), list({dict({{text("params"), params + "e"}})})}})}});
  put("stream", object);
  EXPECT_NE(refusal().find("bytes more than a file of this size may give"), std::string::npos);
}

// One by one these names are matched in no time; tried from every character on, all of them took
// minutes.
TEST_F(HostileFiles, ManyLongBlobNamesAreReadSoon) {
  constexpr int kMany = 10000;
  std::string blobs = "}(";
  const std::string one = array("u1", "|", {integer(1)}, false, "1");
  for (int i = 0; i < kMany; ++i)
    blobs += bytes(cat(i, std::string(240, 'b'))) + (i == 0 ? one + "q\1" : std::string("h\1", 2));
  put("Caffe2", dict({{bytes("blobs"), blobs + "u"}}));
  const HangGuard guard;
  EXPECT_EQ(load_checkpoint(path_).tensors.size(), size_t(kMany));
}

TEST_F(HostileFiles, EmptyTensorsOfHugeExtentsAreNotCounted) {
  for (const char* shape :
       {"[1099511627776,0,1,1,1]", "[1,0,1099511627776,1,1]", "[1,1099511627776,0,1,1]"}) {
    const std::string header =
        cat(R"({"a":{"dtype":"U8","shape":)", shape, R"(,"data_offsets":[0,0]}})");
    EXPECT_EQ(refusal_of(le(header.size(), 8) + header), "") << shape;
  }
}

TEST_F(HostileFiles, OnlyRegularFilesAreOpened) {
  EXPECT_NE(refusal().find("could not be opened: No such file"), std::string::npos);
  ASSERT_EQ(mkfifo(path_.c_str(), 0600), 0);
  EXPECT_NE(refusal().find("found a pipe"), std::string::npos);
  std::filesystem::remove(path_);
  std::filesystem::create_directory(path_);
  EXPECT_NE(refusal().find("found a directory"), std::string::npos);
  path_ = "/dev/zero";
  EXPECT_NE(refusal().find("socket or device"), std::string::npos);
}

}  // namespace
}  // namespace sf
