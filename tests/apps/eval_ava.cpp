// sf eval-ava as a user meets it.
#include <algorithm>
#include <fstream>

#include "tests/apps/command_line.h"
#include "tests/apps/golden.h"

namespace sf {
namespace {

TEST_F(CommandLine, EvalAvaPrintsATableOfClassesAndTheMean) {
  const std::string ava = (golden_dir() / "ava").string();
  const Outcome o = sf(cat("eval-ava ", ava, "/predictions.csv ", ava, "/ava_val_gt.csv --labels ",
                           ava, "/ava_action_list_v2.2_for_activitynet_2019.pbtxt --exclusions ",
                           ava, "/ava_val_excluded_timestamps.csv"));
  EXPECT_EQ(o.status, 0) << o.err;
  EXPECT_EQ(std::count(o.out.begin(), o.out.end(), '\n'), 60 + 3);
  EXPECT_NE(o.out.find("  80 watch (a person)"), std::string::npos) << o.out;
  EXPECT_NE(o.out.find(" 0.8056\n"), std::string::npos) << o.out;
  EXPECT_TRUE(o.out.ends_with(": 0.488596\n")) << o.out;
}

TEST_F(CommandLine, EvalAvaNamesFileAndLine) {
  const std::string truth = (folder / "truth.csv").string();
  std::ofstream(truth) << "v,902,0,0,1,1,1\nv,902,0,0,1,x,1\n";
  const Outcome o = sf(cat("eval-ava ", truth, " ", truth));
  EXPECT_EQ(o.status, 1);
  EXPECT_EQ(o.err, cat("sf: ", truth, ":2: wanted a number as bottom, found \"x\"\n"));
  EXPECT_EQ(sf("eval-ava " + truth).status, 2);
}

}  // namespace
}  // namespace sf
