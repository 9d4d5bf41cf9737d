/** What the fuzz targets share. `bash ci/fuzz` builds and runs them. */
#ifndef B2_FUZZ_FUZZ_H
#define B2_FUZZ_FUZZ_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blosc2.h"

/** A claim about any input: the fuzzer reports where it does not hold. */
#define MUST(condition)                                                                                      \
    do {                                                                                                     \
        if (!(condition)) {                                                                                  \
            fprintf(stderr, "%s:%d: does not hold: %s (last error: %s)\n", __FILE__, __LINE__, #condition,   \
                    blosc2_last_error());                                                                    \
            abort();                                                                                         \
        }                                                                                                    \
    } while (0)

/**
 * Heap memory of exactly this size, so that the sanitizer sees every byte too many. It has other content each
 * time: what is not written shows as a difference. For free().
 */
static inline uint8_t *fuzz_alloc(size_t bytes)
{
    static uint8_t content;
    uint8_t *block = malloc(bytes ? bytes : 1);
    if (!block) abort();
    content = content < 170 ? content + 85 : 0;
    memset(block, content, bytes);
    return block;
}

/** One workspace for all inputs, as a caller keeps it: what an input leaves behind must not matter. */
static inline blosc2_workspace *fuzz_workspace(void)
{
    static blosc2_workspace *workspace;
    if (!workspace) MUST(blosc2_workspace_create(&workspace) == BLOSC2_OK);
    return workspace;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#endif
