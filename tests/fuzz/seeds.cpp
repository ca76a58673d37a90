// Writes the inputs that fuzzing starts from into FOLDER/READER: small files of every format, made
// of tests/golden and of configs.
#include <cstdio>
#include <set>

#include "tensor/checkpoint.h"
#include "tensor/safetensors.h"
#include "tests/tensor/outside_files.h"
#include "tests/tensor/pickle_bytes.h"
#include "tests/tensor/pickle_samples.h"
#include "tests/tensor/zip_bytes.h"

namespace sf {
namespace {

namespace fs = std::filesystem;
using namespace pickled;

class Seeds {
 public:
  explicit Seeds(fs::path folder) : folder_(std::move(folder)) { fs::remove_all(folder_); }

  fs::path place(const char* reader, const std::string& name) const {
    fs::create_directories(folder_ / reader);
    return folder_ / reader / name;
  }
  void write(const char* reader, const std::string& name, const std::string& bytes) const {
    write_bytes(place(reader, name), bytes);
  }
  void copy(const char* reader, const fs::path& file) const {
    fs::copy_file(file, place(reader, file.filename().string()));
  }

 private:
  fs::path folder_;
};

// The entry of an archive.
std::string unzipped(const fs::path& path, const char* name) {
  zip_t* archive = zip_open(path.c_str(), ZIP_RDONLY, nullptr);
  if (!archive) throw std::runtime_error("zip_open");
  zip_stat_t info;
  zip_file_t* entry = zip_fopen(archive, name, 0);
  if (!entry || zip_stat(archive, name, 0, &info) != 0) throw std::runtime_error("zip_fopen");
  std::string bytes(info.size, '\0');
  if (zip_fread(entry, bytes.data(), bytes.size()) != zip_int64_t(bytes.size()))
    throw std::runtime_error("zip_fread");
  zip_fclose(entry);
  zip_discard(archive);
  return bytes;
}

// The smallest tensors of a golden checkpoint, a convolution among them.
Checkpoint small_checkpoint() {
  Checkpoint all = load_checkpoint(golden("slow_r50/checkpoint.pyth"));
  Checkpoint out;
  out.epoch = all.epoch;
  out.text = {{"config", all.text.at("config").substr(0, 200)}};
  for (const auto& [name, tensor] : all.tensors) {
    const int64_t limit = tensor.shape().rank() == 5 ? 1200 : 8;
    if (tensor.numel() <= limit && out.tensors.size() < 8) out.tensors.emplace_back(name, tensor);
  }
  out.optimizer = {{"momentum/" + out.tensors[1].first, out.tensors[1].second}};
  return out;
}

void write_pickles(const Seeds& seeds) {
  const std::string data(32, '\1');
  const auto w = tensor(storage("FloatStorage", "0", 8), 0, {integer(2), integer(4)},
                        {integer(4), integer(1)});
  const auto v = tensor(storage("HalfStorage", "1", 16), 2,
                        {integer(1), integer(2), integer(1), integer(2), integer(3)},
                        {integer(12), integer(6), integer(6), integer(3), integer(1)});
  const std::string state =
      dict({{integer(0), dict({{text("momentum_buffer"), w}, {text("step"), integer(3)}})}});
  const std::string groups =
      list({dict({{text("lr"), std::string("G\x3F\xB9\x99\x99\x99\x99\x99\x9A")},
                  {text("params"), list({integer(0), integer(1)})}})});
  const std::string torch = dict(
      {{text("model_state"), dict({{text("a.weight"), w}, {text("b.weight"), v}})},
       {text("optimizer_state"), dict({{text("state"), state}, {text("param_groups"), groups}})},
       {text("epoch"), integer(7)},
       {text("cfg"), text("MODEL: {}\n")}});
  const std::string caffe2 =
      dict({{bytes("blobs"),
             dict({{bytes("conv1_w"), array("f4", "<", {integer(2), integer(4)}, true, data)},
                   {bytes("res2_0_branch2a_bn_s"), array("i8", ">", {integer(4)}, false, data)}})},
            {bytes("cfg"), bytes("MODEL: {}\n")}});
  seeds.write("pickle", "torch", whole(torch));
  seeds.write("pickle", "caffe2", whole(caffe2));
  seeds.write("pickle", "stream",
              stream(torch, list({text("0"), text("1")}), le(8, 8) + data + le(16, 8) + data));
  seeds.write("pickle", "golden",
              unzipped(golden("slow_r50/checkpoint.pyth"), "checkpoint/data.pkl"));
  for (size_t protocol = 0; protocol < kPickleSamples.size(); ++protocol)
    seeds.write("pickle", cat("protocol_", protocol), from_hex(kPickleSamples[protocol]));
  const ZipContents contents{{"archive/data.pkl", whole(torch)},
                             {"archive/data/0", data},
                             {"archive/data/1", data},
                             {"archive/version", "3\n"}};
  write_zip(seeds.place("zip", "stored"), contents);
  write_zip(seeds.place("zip", "deflated"), contents, {.deflate = true});
  std::string description;  // see zip.cpp
  for (const auto& [name, content] : contents)
    description += cat(char(name.size()), name, std::string(2, '\0'), char(content.size() >> 8),
                       char(content.size()), content);
  seeds.write("zip", "description", description);
}

void write_all(const Seeds& seeds) {
  write_pickles(seeds);
  const Checkpoint small = small_checkpoint();
  save_checkpoint(seeds.place("sf", "small.sf"), small);
  save_checkpoint(seeds.place("sf", "empty.sf"), {});
  save_checkpoint(seeds.place("safetensors", "small.safetensors"), small);
  seeds.copy("safetensors", golden("full/Kinetics_SLOW_8x8_R50.safetensors"));
  for (const auto& [name, file] :
       read_safetensors(golden("augmentation/opencv.safetensors")).tensors)
    if (name.starts_with("jpeg."))
      seeds.write("jpeg", name, {reinterpret_cast<const char*>(file.data()), size_t(file.numel())});
  for (const char* name :
       {"ava_val_detected.csv", "ava_val_gt.csv", "predictions.csv",
        "ava_val_excluded_timestamps.csv", "ava_action_list_v2.2_for_activitynet_2019.pbtxt"})
    seeds.copy("ava", golden("ava") / name);
  const std::string frames = read_bytes(golden("ava/frame_list.csv"));
  seeds.write("ava", "frame_list", frames.substr(0, frames.find('\n', 200) + 1));
  const fs::path configs = fs::path(SF_SOURCE_DIR) / "configs";
  seeds.copy("config", configs / "Kinetics" / "SLOWFAST_8x8_R50.yaml");
  seeds.copy("config", configs / "AVA" / "SLOWFAST_32x2_R50_SHORT.yaml");
  std::set<fs::path> videos;
  for (const auto& entry : fs::directory_iterator(golden("videos")))
    videos.insert(entry.path().filename());
  std::string blanks, commas;
  for (const fs::path& video : videos) {
    blanks += cat("tests/golden/videos/", video.string(), " 7\n");
    commas += cat(video.string(), ",399\r\n");
  }
  seeds.write("list", "blanks", blanks);
  seeds.write("list", "commas", commas);
  seeds.write(
      "boxes", "columns",
      "second,x1,y1,x2,y2,person,score\n1,0.1,0.2,0.3,0.4,7,0.9\n1.5,0.1,0.2,0.35,0.4,7,\n");
  seeds.write("boxes", "lines",
              "{\"frame\": 5, \"box\": [0.1, 0.2, 0.3, 0.4], \"person\": 7, \"score\": 0.9}\n"
              "{\"second\": 2, \"box\": [0, 0, 1, 1]}\n");
  seeds.write("boxes", "ava",
              "1j20qq1JyX4,0902,0.002,0.118,0.714,0.977,12,0.995518\n"
              "1j20qq1JyX4,0903,0.193,0.016,1.000,0.978,,0.81\n");
}

}  // namespace
}  // namespace sf

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("fuzz_seeds FOLDER\n", stderr);
    return 2;
  }
  sf::write_all(sf::Seeds(argv[1]));
}
