#include <cstdio>
#include <exception>

#include "apps/brief_waits.h"
#include "apps/commands.h"
#include "kernels/base/error.h"
#include "kernels/base/machine.h"

int main(int argc, char** argv) {
  sf::wait_briefly(argv);
  sf::follow_onednn_instruction_sets();
  CLI::App app(
      "SlowFast video networks: train, test and inspect them from PySlowFast's configuration "
      "files.",
      "sf");
  app.require_subcommand(1);
  sf::add_run_command(app, {argv, argv + argc});
  sf::add_config_command(app);
  sf::add_infer_command(app);
  sf::add_step_command(app);
  sf::add_plan_command(app);
  sf::add_synth_command(app);
  sf::add_check_data_command(app);
  sf::add_eval_ava_command(app);
  sf::add_demo_command(app);
  sf::add_extract_frames_command(app);
  sf::add_make_lists_command(app);
  sf::add_convert_command(app);
  sf::add_inspect_command(app);
  sf::add_doctor_command(app);
  try {
    app.parse(argc, argv);
  } catch (const CLI::RuntimeError& e) {
    return e.get_exit_code();
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "sf: %s\n", e.what());
    return 1;
  }
  return 0;
}
