/**
 * Recently decoded blocks of an array, up to a number of bytes, so that neighbouring small reads cost a copy.
 *
 * Blocks are found by chunk and block number. A reader pins the block that it copies from, so that no other
 * one takes its memory meanwhile; the oldest block that nobody has used lately makes room for a new one (the
 * clock algorithm). Where a part of a block is cheaper to decode than all of it, the block is let in when it
 * is asked for again: reads here and there neither pay for whole blocks nor push out those in use.
 *
 * Any thread may find, claim, list and release; whoever changes the array drops what has changed.
 */
#ifndef CAT_CACHE_H
#define CAT_CACHE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "caterva.h"

typedef struct cat_slot {
    uint8_t *bytes; /* a block; owned, NULL until first used */
    int64_t chunk;
    int32_t block;
    int32_t pins;          /* readers at work */
    bool listed;           /* can be found */
    bool used;             /* found since the hand last passed */
    struct cat_slot *next; /* in the same bucket */
} cat_slot;

/** `{.lock = ...}` holds nothing; the lock is the owner's. */
typedef struct cat_cache {
    blosc2_lock *lock;
    int64_t bytes; /* what the blocks may take; 0: no caching */
    int32_t block_bytes;
    int32_t slot_count, hand;
    uint32_t bucket_mask;
    cat_slot *slots;    /* NULL until first needed */
    cat_slot **buckets; /* bucket_mask + 1 of them */
    uint64_t *asked;    /* as many: hashes of blocks that were asked for */
} cat_cache;

/** Release all blocks. Nobody else may use the cache meanwhile. */
void cat_cache_empty(cat_cache *cache);

/** Drop all, and hold up to `bytes` bytes of blocks from now on. Nobody else may use the cache meanwhile. */
void cat_cache_reset(cat_cache *cache, int64_t bytes, int32_t block_bytes);

/** Forget all, without releasing any: others may have been at work at it, and are gone by a fork. */
void cat_cache_abandon(cat_cache *cache);

/** True if `blocks` blocks leave room for many others, or there is one only, and room for two. */
bool cat_cache_suits(const cat_cache *cache, int64_t blocks);

/** Copy `count` bytes from `offset` of a block, if it is there; for few bytes. */
bool cat_cache_copy(cat_cache *cache, int64_t chunk, int32_t block, int64_t offset, void *out, size_t count);

/** A block, pinned, or NULL if it is not there. */
cat_slot *cat_cache_find(cat_cache *cache, int64_t chunk, int32_t block);

/** Who is let in: any block, or one that was asked for before, lately. */
typedef enum cat_admission { CAT_ADMIT_ANY, CAT_ADMIT_KNOWN } cat_admission;

/** Memory for a block, pinned, not to be found yet; NULL if it is not let in, or there is none to be had. */
cat_slot *cat_cache_claim(cat_cache *cache, int64_t chunk, int32_t block, cat_admission admission);

/** A claimed block is decoded: others may find it. */
void cat_cache_list(cat_cache *cache, cat_slot *slot);

/** End the use of a block that was found or claimed. */
void cat_cache_release(cat_cache *cache, cat_slot *slot);

/** Forget the blocks of a chunk that was replaced. */
void cat_cache_drop(cat_cache *cache, int64_t chunk);

#endif
