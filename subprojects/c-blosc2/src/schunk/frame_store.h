/** What a contiguous frame's store is made of: store_frame.c, frame_commit.c, frame_space.c see it. */
#ifndef B2_SCHUNK_FRAME_STORE_H
#define B2_SCHUNK_FRAME_STORE_H

#include "frame/fingerprint.h"
#include "frame/record.h"
#include "schunk/space.h"
#include "schunk/store.h"

enum { B2_DEAD_UNIT = 4096 }; /* in which a fingerprint counts dead bytes */

typedef struct b2_frame_store {
    b2_store base;
    const b2_io *io;
    b2_file *file;
    char *path;      /* owned; NULL in memory and for sources */
    char *temporary; /* owned; the file's name until the first commit, then NULL */
    bool replaces;   /* the first commit may take the place of what is at `path` */
    int64_t offset;  /* of the frame in the file */
    int32_t header_bytes;
    int64_t frame_bytes;                       /* committed; header_bytes before the first commit */
    int64_t section_bytes;                     /* committed */
    b2_buffer header;                          /* three of them: committed, new or found, damaged */
    b2_identity identity;                      /* of the committed file */
    bool has_chunks;                           /* committed */
    uint8_t fingerprint[B2_FINGERPRINT_BYTES]; /* committed */
    b2_space space;
    bool reuses;                /* dead space is written again */
    bool is_scanned;            /* `space` knows what was dead when the file was opened */
    int64_t unknown_dead_bytes; /* what the frame said of it then */

    blosc2_durability durability;
    bool damaged;      /* the file has the third header, which was found damaged, and should have the first */
    bool is_unsynced;  /* something was written that may not be on the medium */
    bool has_new_name; /* nor may the file's name */
    bool has_checkpoint; /* [0, checkpoint bytes) of the section is kept for one */
    bool checkpointed;   /* it has the header of a state that is on the medium, and none after that is */
    bool poisoned;       /* a sync failed: what is on the medium is not known */
    int64_t file_end;    /* of what was written, counted as positions are */
} b2_frame_store;

static inline uint8_t *b2_frame_committed(const b2_frame_store *store)
{
    return store->header.bytes;
}

static inline uint8_t *b2_frame_fresh(const b2_frame_store *store)
{
    return store->header.bytes + store->header_bytes;
}

static inline uint8_t *b2_frame_damaged(const b2_frame_store *store)
{
    return store->header.bytes + 2 * (size_t)store->header_bytes;
}

/** Where a position of the section is in the file. */
static inline int64_t b2_frame_position(const b2_frame_store *store, int64_t location)
{
    return store->offset + store->header_bytes + location;
}

/** True before the first commit: nobody else has seen the file. */
static inline bool b2_frame_is_new(const b2_frame_store *store)
{
    return store->frame_bytes == store->header_bytes;
}

/** Bytes at the start of the section that a checkpoint takes. */
static inline int64_t b2_frame_checkpoint_bytes(int32_t header_bytes)
{
    return b2_record_bytes(B2_RECORD_CHECKPOINT, header_bytes);
}

/* frame_commit.c */

int b2_frame_commit(b2_store *base, const b2_state *state, blosc2_workspace *workspace);
int b2_frame_flush(b2_store *base);
bool b2_frame_can_trim(const b2_store *base);
void b2_frame_trim(b2_store *base);

/** Write at a position of the section. */
int b2_frame_write(b2_frame_store *store, const void *bytes, int64_t count, int64_t location);

/** Cut the file at a position of the section, behind which nothing is needed. It may stay longer. */
void b2_frame_cut(b2_frame_store *store, int64_t end);

/** To the medium, all of it. A failure poisons the store. */
int b2_frame_sync(b2_frame_store *store);

/* frame_space.c */

/** Before a change: free what may be, if that is worth it. @param index  The committed one. */
int b2_frame_prepare(b2_store *base, const b2_index *index);

/** Bytes of a stored chunk, what is behind it included; 0 if its header cannot be read. */
int64_t b2_frame_extent_bytes(const b2_frame_store *store, int64_t location);

void b2_frame_drop(b2_store *base, int64_t location);

#endif
