// The command line as a user meets it: exit status, one line of error, files left whole.
#include <algorithm>
#include <array>
#include <cstdio>
#include <fstream>

#include <gtest/gtest.h>

#include "models/weights.h"
#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

namespace fs = std::filesystem;

TEST_F(CommandLine, WrongUsageEndsWithStatus2) {
  EXPECT_EQ(sf("").status, 2);
  EXPECT_EQ(sf("dance").status, 2);
  EXPECT_EQ(sf("run").status, 2);
  EXPECT_EQ(sf("synth").status, 2);
  EXPECT_EQ(sf("--help").status, 0);
}

// FFmpeg's libraries are loaded with the first video.
TEST_F(CommandLine, StartsWithoutTheLibrariesOfVideos) {
  const fs::path libraries = folder / "libraries";
  ASSERT_EQ(std::system(cat("ldd ", SF_BINARY, " >", libraries.string()).c_str()), 0);
  const std::string text = read_text(libraries);
  EXPECT_NE(text.find("libdnnl"), std::string::npos) << text;
  EXPECT_EQ(text.find("libav"), std::string::npos) << text;
}

TEST_F(CommandLine, ThreadsWaitBrieflyUnlessTheEnvironmentSaysHow) {
  const auto threads = [&](const char* variables) {
    const std::string out = sf("doctor", cat("env -u OMP_WAIT_POLICY ", variables, " ")).out;
    const size_t row = out.find("threads ");
    return out.substr(row, out.find('\n', row) - row);
  };
  EXPECT_NE(threads("-u GOMP_SPINCOUNT").find(" GOMP_SPINCOUNT=10000"), std::string::npos);
  EXPECT_NE(threads("GOMP_SPINCOUNT=7").find(" GOMP_SPINCOUNT=7"), std::string::npos);
  const std::string passive = threads("-u GOMP_SPINCOUNT OMP_WAIT_POLICY=passive");
  EXPECT_NE(passive.find(" OMP_WAIT_POLICY=passive"), std::string::npos) << passive;
  // It begins anew for that, when the first of its threads may be bound already.
  constexpr auto kPlain = "-u GOMP_SPINCOUNT -u OMP_NUM_THREADS -u OMP_PROC_BIND";
  EXPECT_EQ(threads(kPlain), threads("-u GOMP_SPINCOUNT -u OMP_NUM_THREADS OMP_PROC_BIND=true"));
}

TEST_F(CommandLine, BadInputIsOneLineAndStatus1) {
  const struct {
    const char* arguments;
    const char* expected;
  } kCases[] = {
      {"config --cfg nowhere.yaml", "nowhere.yaml"},
      {"config --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml RESNET.DEPHT 50", "RESNET.DEPTH"},
      {"config --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml RESNET.DEPTH", "RESNET.DEPTH"},
      {"config --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml RESNET.DEPTH deep", "RESNET.DEPTH"},
      {"run --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml MODEL.MODEL_NAME MViT TRAIN.ENABLE False "
       "OUTPUT_DIR /tmp",
       "MViT"},
      {"run --cfg configs/AVA/c2/SLOWFAST_32x2_R50.yaml --num_shards 2 --shard_id 2", "SHARD_ID"},
      {"infer --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --device cuda:4711 --input "
       "x.safetensors --output y.safetensors",
       "cuda:4711"},
      {"plan --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --device tpu", "tpu"},
      {"plan --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --sideways", "--sideways"},
      {"infer --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --input nowhere.safetensors --output "
       "x.safetensors --weights counter",
       "nowhere.safetensors"},
  };
  for (const auto& c : kCases) {
    const Outcome o = sf(c.arguments);
    EXPECT_EQ(o.status, 1) << c.arguments << "\n" << o.err;
    EXPECT_TRUE(o.err.starts_with("sf: ")) << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
    EXPECT_NE(o.err.find(c.expected), std::string::npos) << o.err;
  }
}

TEST_F(CommandLine, ListsThatLieAreOneLineAndStatus1) {
  const std::string video = (golden_dir() / "videos" / "test.avi").string();
  const auto expect_refusal = [&](const std::string& rows, std::string_view wanted,
                                  const std::string& options = "") {
    const fs::path list = folder / "test.csv";
    std::ofstream(list, std::ios::binary) << rows;
    const Outcome o = sf(cat("run --cfg configs/synthetic/SLOWFAST_TINY.yaml TRAIN.ENABLE False",
                             " DATA.PATH_TO_DATA_DIR ", folder.string(), " OUTPUT_DIR ",
                             (folder / "out").string(), options));
    EXPECT_EQ(o.status, 1) << rows;
    EXPECT_TRUE(o.err.starts_with(cat("sf: ", list.string(), wanted))) << o.err;
    EXPECT_EQ(std::count(o.err.begin(), o.err.end(), '\n'), 1) << o.err;
  };
  expect_refusal("", ": wanted at least one video, found none");
  expect_refusal(video + ",1\n", ":1: wanted fields separated by \" \"");
  expect_refusal(cat(video, " 1\n", video, " 8\n"), ":2: wanted a label in [0, 8), found 8");
  expect_refusal(video + " 1 2 3\n", ":1: wanted 1 to 3 fields");
  expect_refusal(video + " one\n", ":1: wanted a whole number as label");
  expect_refusal(video + " 1\n", ":1: wanted fields separated by \";\"",
                 " DATA.PATH_LABEL_SEPARATOR ';'");
}

TEST_F(CommandLine, ConfigPrintsWhatItReadsBack) {
  const std::string base = "config --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml ";
  const Outcome with_opts = sf(base + "--opts NUM_GPUS 0 SOLVER.BASE_LR 1e-3");
  ASSERT_EQ(with_opts.status, 0) << with_opts.err;
  EXPECT_EQ(sf(base + "NUM_GPUS 0 SOLVER.BASE_LR 1e-3").out, with_opts.out);
  std::ofstream(folder / "again.yaml") << with_opts.out;
  EXPECT_EQ(sf("config --cfg " + (folder / "again.yaml").string()).out, with_opts.out);
  EXPECT_NE(with_opts.out.find("BASE_LR: 0.001"), std::string::npos);
  for (const char* lists : {"SOLVER.STEPS [0,5] SOLVER.LRS [1,0.5]", "--opts SOLVER.STEPS '[0, 5]'",
                            "SOLVER.COSINE_END_LR -1 SOLVER.STEPS '(0, 5)'"})
    EXPECT_NE(sf(base + lists).out.find("STEPS: [0, 5]"), std::string::npos) << lists;
}

TEST_F(CommandLine, InferWritesScoresLogitsAndStages) {
  const SmallCase golden("slow_r50");
  write_safetensors(folder / "in.safetensors", {{"input.0", golden.file.at("input.0")}});
  for (const std::string dtype : {"f32", "f64"}) {
    const fs::path out = folder / (dtype + ".safetensors");
    const Outcome o =
        sf(cat("infer", golden.arguments(), " --input ", (folder / "in.safetensors").string(),
               " --output ", out.string(), " --weights counter --keep-stages --dtype ", dtype));
    ASSERT_EQ(o.status, 0) << o.err;
    const Safetensors result = read_safetensors(out);
    const auto found = result.at("logits").to(DType::f32), wanted = golden.file.at("eval.logits");
    float largest = 0;
    for (float v : wanted.span<float>()) largest = std::max(largest, std::abs(v));
    for (size_t i = 0; i < wanted.span<float>().size(); ++i)
      ASSERT_NEAR(found.span<float>()[i], wanted.span<float>()[i],
                  (dtype == "f64" ? 2e-5f : 1e-4f) * largest);
    EXPECT_EQ(result.at("act.s5.0").shape(), (Shape{2, 256, 4, 2, 2}));
    EXPECT_EQ(result.at("output").shape(), (Shape{2, 40}));
  }
}

TEST_F(CommandLine, PlanShowsStepsAndShapes) {
  const Outcome o = sf("plan --cfg configs/synthetic/SLOWFAST_TINY.yaml");
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("s2.pathway0_res0.branch2.a"), std::string::npos);
  EXPECT_NE(o.out.find("GFLOP"), std::string::npos);
  const Outcome shapes = sf("plan --cfg configs/synthetic/SLOWFAST_TINY.yaml --shapes");
  ASSERT_EQ(shapes.status, 0) << shapes.err;
  EXPECT_TRUE(shapes.out.starts_with("conv3d f32 n1 ")) << shapes.out;
}

TEST_F(CommandLine, Tf32IsUsedOnlyWhereTheConfigurationSaysSo) {
  const std::string command = "plan --cfg configs/synthetic/SLOWFAST_TINY.yaml --device simt ";
  for (const char* kind : {"", "--train "})
    for (const char* allowed : {"", "SF.TF32 True"}) {
      const Outcome o = sf(command + kind + allowed);
      ASSERT_EQ(o.status, 0) << o.err;
      EXPECT_EQ(o.out.find("gemm_tf32") != std::string::npos, *allowed != 0) << kind << allowed;
    }
}

TEST_F(CommandLine, PlanOfCudaNeedsNoGpu) {
  for (const char* training : {"", " --train"}) {
    const Outcome o =
        sf(cat("plan --cfg configs/Kinetics/SLOWFAST_8x8_R50.yaml --device cuda", training));
#if defined(SF_WITH_CUDA)
    ASSERT_EQ(o.status, 0) << o.err;
    for (const char* expected : {" launches; 2 streams of ", "predicted, not measured", "RTX 4090"})
      EXPECT_NE(o.out.find(expected), std::string::npos) << expected;
#else
    EXPECT_EQ(o.status, 1);
    EXPECT_EQ(o.err, "sf: device: wanted kernels of cuda, found a build without CUDA\n");
#endif
  }
}

TEST_F(CommandLine, PlanOfATrainingShowsWhatRecomputingSaves) {
  for (const char* recompute : {"False", "True"}) {
    const Outcome o =
        sf(cat("plan --train --cfg configs/synthetic/SLOWFAST_TINY.yaml SF.RECOMPUTE ", recompute));
    ASSERT_EQ(o.status, 0) << o.err;
    double kept = 0, recomputed = 0;
    int steps = 0;
    const size_t line = o.out.rfind('\n', o.out.size() - 2) + 1;
    ASSERT_EQ(std::sscanf(o.out.c_str() + line,
                          "%lf MiB of activations and workspace without SF.RECOMPUTE, %lf MiB with "
                          "it and %d steps more",
                          &kept, &recomputed, &steps),
              3)
        << o.out.substr(line);
    EXPECT_LT(recomputed, kept);
    EXPECT_GT(steps, 0);
    EXPECT_EQ(o.out.find(".again ") != std::string::npos, recompute == std::string("True"));
  }
}

TEST_F(CommandLine, PlanOfATrainingShowsTheSumsOverItsProcesses) {
  const auto sums = [&](const char* processes) {
    const Outcome o =
        sf(cat("plan --train --device cpu --cfg configs/synthetic/SLOWFAST_TINY.yaml "
               "SF.GRADIENT_BUCKET 0.1 SF.CPU_PROCESSES ",
               processes));
    EXPECT_EQ(o.status, 0) << o.err;
    return std::pair(o.out.find("start_sum"), o.out.find("finish_sum"));
  };
  const auto none = std::string::npos;
  EXPECT_EQ(sums("1"), std::pair(none, none));
  const auto [start, finish] = sums("2");
  EXPECT_LT(start, finish);
  EXPECT_NE(finish, none);
}

TEST_F(CommandLine, ASynthesizedSetIsTestedEndToEnd) {
  const std::string set = (folder / "motion").string();
  ASSERT_EQ(sf("synth --out " + set + " --videos 16 --seed 3").status, 0);
  const Outcome o = sf(cat(
      "run --cfg configs/synthetic/SLOWFAST_TINY.yaml DATA.PATH_TO_DATA_DIR ", set, " OUTPUT_DIR ",
      set, "/out SF.CLASS_NAMES_PATH ", set, "/classes.txt TEST.SAVE_RESULTS_PATH scores.pkl",
      " SF.PREDICTIONS_PATH p.csv TEST.NUM_ENSEMBLE_VIEWS 2", " TRAIN.ENABLE False"));
  ASSERT_EQ(o.status, 0) << o.err;
  EXPECT_NE(o.out.find("json_stats: {\"split\": \"test_final\", \"top1_acc\": "), std::string::npos)
      << o.out;
  EXPECT_NE(o.out.find("Finalized testing with 2 temporal clips and 3 spatial crops"),
            std::string::npos);
  EXPECT_TRUE(fs::exists(fs::path(set) / "out" / "scores.pkl"));
  EXPECT_TRUE(fs::exists(fs::path(set) / "out" / "p_classes.csv"));
  EXPECT_TRUE(read_text(fs::path(set) / "out" / "p.csv").starts_with("path,label,prediction,"));
}

}  // namespace
}  // namespace sf
