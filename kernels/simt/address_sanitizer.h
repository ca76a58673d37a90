// SF_ADDRESS_SANITIZER is defined in builds with AddressSanitizer, whichever the compiler.
#pragma once

#if defined(__SANITIZE_ADDRESS__)
#define SF_ADDRESS_SANITIZER
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SF_ADDRESS_SANITIZER
#endif
#endif

#if defined(SF_ADDRESS_SANITIZER)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#endif

namespace sf::simt {

#if defined(SF_ADDRESS_SANITIZER)
constexpr bool kAddressSanitizer = true;
#else
constexpr bool kAddressSanitizer = false;
#endif

}  // namespace sf::simt
