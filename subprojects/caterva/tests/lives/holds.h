/** Snapshots that are told to writers, on a recording file system: they are kept in a list. */
#ifndef CAT_TESTS_LIVES_HOLDS_H
#define CAT_TESTS_LIVES_HOLDS_H

#include "io/io.h"
#include "model.h"

enum { HOLDS_MAX = 32 };

typedef struct hold {
    uint64_t number; /* of the file or directory */
    b2_numbers states;
    bool is_held;
} hold;

static hold holds[HOLDS_MAX];
static void (*unlock_inner)(void *context, b2_file *file);
static int (*identity_inner)(void *context, const char *path, b2_identity *out);

static inline int holds_hold(void *context, const char *path, b2_identity *of, b2_file **out)
{
    *out = NULL;
    if (identity_inner(context, path, of) < 0) return BLOSC2_OK;
    for (int i = 0; i < HOLDS_MAX && !*out; i++)
        if (!holds[i].is_held) {
            holds[i] = (hold){of->number, {0, B2_NUMBERS}, true};
            *out = (b2_file *)&holds[i];
        }
    return BLOSC2_OK;
}

static inline void holds_narrow(void *context, b2_file *own, b2_numbers numbers)
{
    (void)context;
    if (own) ((hold *)own)->states = numbers;
}

static inline b2_held holds_held(void *context, b2_file *own, b2_numbers numbers, b2_numbers *out)
{
    const hold *mine = (const hold *)own;
    (void)context;
    for (int i = 0; i < HOLDS_MAX && mine; i++) {
        const b2_numbers *other = &holds[i].states;
        bool meets =
            other->first < numbers.first + numbers.count && numbers.first < other->first + other->count;
        if (!holds[i].is_held || &holds[i] == mine || holds[i].number != mine->number || !meets) continue;
        *out = *other;
        return B2_HELD_SOME;
    }
    return B2_HELD_NONE;
}

static inline void holds_unlock(void *context, b2_file *file)
{
    hold *mine = (hold *)file;
    if (mine >= holds && mine < holds + HOLDS_MAX)
        mine->is_held = false;
    else
        unlock_inner(context, file);
}

/** A recording file system that knows who holds what. */
static inline b2_io *holds_create(void)
{
    b2_io *io;
    if (b2_io_recording_create(&io) < 0) abort();
    memset(holds, 0, sizeof holds);
    unlock_inner = io->unlock;
    identity_inner = io->identity;
    io->hold = holds_hold;
    io->narrow = holds_narrow;
    io->held = holds_held;
    io->unlock = holds_unlock;
    return io;
}

#endif
