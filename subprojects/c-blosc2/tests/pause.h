/** Give other threads time. */
#ifndef B2_TESTS_PAUSE_H
#define B2_TESTS_PAUSE_H

#ifdef _WIN32
#ifndef WIN32_LEAN_AND_MEAN
#define WIN32_LEAN_AND_MEAN
#endif
#include <windows.h>
#else
#include <time.h>
#endif

static inline void pause_briefly(long nanoseconds)
{
#ifdef _WIN32
    Sleep((DWORD)(nanoseconds / 1000000)); /* 0 lets others run */
#else
    struct timespec time = {0, nanoseconds};
    nanosleep(&time, NULL);
#endif
}

#endif
