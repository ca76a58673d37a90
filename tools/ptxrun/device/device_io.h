// assert and printf of device code.
#pragma once

#include <string>

#include "device/state.h"

namespace ptxrun {

PTXRUN_OUTLINE void device_assert(Warp* w, int lane, int line, u64 message) {
  report(w, lane, line, (std::string("device assert: ") + (const char*)message).c_str(), 0, 0);
}

// Arguments lie in a buffer at their natural alignment, floats as f64.
PTXRUN_OUTLINE void device_printf(u64 format, u64 arguments) {
  const char* f = (const char*)format;
  const char* argument = (const char*)arguments;
  std::string out;
  while (*f) {
    if (*f != '%') {
      out += *f++;
      continue;
    }
    std::string spec(1, *f++);
    if (*f == '%') {
      out += *f++;
      continue;
    }
    bool is_long = false;
    for (; *f && !strchr("diouxXeEfgGcsp", *f); ++f) {
      const bool is_size = *f == 'z' || *f == 't';
      is_long |= is_size || *f == 'l';
      spec += is_size ? 'l' : *f;
    }
    const char conversion = *f ? *f++ : 'd';
    spec += conversion;
    const bool wide = is_long || strchr("eEfgGsp", conversion);
    if (wide) argument = (const char*)(((u64)argument + 7) & ~7ull);
    char text[512];
    if (strchr("eEfgG", conversion))
      snprintf(text, sizeof text, spec.c_str(), load<f64>(argument));
    else if (wide)
      snprintf(text, sizeof text, spec.c_str(), load<u64>(argument));
    else
      snprintf(text, sizeof text, spec.c_str(), load<u32>(argument));
    argument += wide ? 8 : 4;
    out += text;
  }
  fputs(out.c_str(), stdout);
  fflush(stdout);
}

}  // namespace ptxrun
