/** Checks for the C tests: each failure is printed and counted, the program goes on. */
#ifndef B2_TESTS_CHECK_H
#define B2_TESTS_CHECK_H

#include <stdio.h>

#include "blosc2.h"

static int checks_failed;
static long checks_made;

#define CHECK(condition)                                                                                     \
    do {                                                                                                     \
        checks_made++;                                                                                       \
        if (!(condition)) {                                                                                  \
            checks_failed++;                                                                                 \
            fprintf(stderr, "%s:%d: failed: %s\n", __FILE__, __LINE__, #condition);                          \
        }                                                                                                    \
    } while (0)

#define CHECK_OK(call)                                                                                       \
    do {                                                                                                     \
        int check_status_ = (call);                                                                          \
        checks_made++;                                                                                       \
        if (check_status_ < 0) {                                                                             \
            checks_failed++;                                                                                 \
            fprintf(stderr, "%s:%d: %s gave %d: %s\n", __FILE__, __LINE__, #call, check_status_,             \
                    blosc2_last_error());                                                                    \
        }                                                                                                    \
    } while (0)

/** What main() returns: 0 if at least one check was made and none failed. */
static inline int check_result(void)
{
    printf("%ld checks, %d failed\n", checks_made, checks_failed);
    return checks_made > 0 && checks_failed == 0 ? 0 : 1;
}

#endif
