/** A set of chunk files, by their numbers. Pure: no I/O. */
#ifndef B2_SCHUNK_FILE_NUMBERS_H
#define B2_SCHUNK_FILE_NUMBERS_H

#include <stdbool.h>

#include "schunk/index.h"

/** `{0}` is empty. */
typedef struct b2_file_numbers {
    int64_t *items; /* owned; ascending */
    int64_t count;
} b2_file_numbers;

/**
 * The files that an index names.
 * @param out  Replaced on success, and only then; what it had is released.
 * @return BLOSC2_OK or BLOSC2_E_MEMORY.
 */
int b2_file_numbers_of(const b2_index *index, b2_file_numbers *out);

/** @param out  Set on success, and only then. @return BLOSC2_OK or BLOSC2_E_MEMORY. */
int b2_file_numbers_copy(const b2_file_numbers *from, b2_file_numbers *out);

bool b2_file_numbers_have(const b2_file_numbers *numbers, int64_t number);

/** -1: there are none. */
static inline int64_t b2_file_numbers_highest(const b2_file_numbers *numbers)
{
    return numbers->count ? numbers->items[numbers->count - 1] : -1;
}

void b2_file_numbers_free(b2_file_numbers *numbers);

#endif
