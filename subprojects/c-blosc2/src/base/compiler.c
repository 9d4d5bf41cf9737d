/** Which compiler made this library. */
#include "blosc2.h"

#define TEXT_(x)          #x
#define TEXT(x)           TEXT_(x)
#define VERSION_(a, b, c) TEXT(a) "." TEXT(b) "." TEXT(c)

const char *blosc2_compiler(void)
{
#if defined(__clang__) /* which defines __GNUC__ too */
    return "clang " VERSION_(__clang_major__, __clang_minor__, __clang_patchlevel__);
#elif defined(__GNUC__)
    return "gcc " VERSION_(__GNUC__, __GNUC_MINOR__, __GNUC_PATCHLEVEL__);
#elif defined(_MSC_FULL_VER)
    return "msvc " TEXT(_MSC_FULL_VER);
#else
    return "unknown";
#endif
}
