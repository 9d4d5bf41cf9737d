#include "cache.h"

#include <stdlib.h>
#include <string.h>

#include "checked.h"

enum { MAX_SLOTS = 1 << 16 };

void cat_cache_empty(cat_cache *cache)
{
    for (int32_t i = 0; cache->slots && i < cache->slot_count; i++) free(cache->slots[i].bytes);
    free(cache->slots);
    free(cache->buckets);
    free(cache->asked);
    cache->slots = NULL;
    cache->buckets = NULL;
    cache->asked = NULL;
}

void cat_cache_reset(cat_cache *cache, int64_t bytes, int32_t block_bytes)
{
    cat_cache_empty(cache);
    cache->bytes = bytes;
    cache->block_bytes = block_bytes;
    cache->slot_count = block_bytes > 0 ? (int32_t)cat_min_i64(bytes / block_bytes, MAX_SLOTS) : 0;
    cache->hand = 0;
    cache->bucket_mask = 1;
    while (cache->bucket_mask < (uint32_t)cache->slot_count) cache->bucket_mask = 2 * cache->bucket_mask + 1;
}

void cat_cache_abandon(cat_cache *cache)
{
    cache->slots = NULL;
    cache->buckets = NULL;
    cache->asked = NULL;
    cache->hand = 0;
}

bool cat_cache_suits(const cat_cache *cache, int64_t blocks)
{
    return blocks <= cache->slot_count / 8 || (blocks == 1 && cache->slot_count > 1);
}

/** Multiplying by 2^64 over the golden ratio spreads neighbours over the high bits (Knuth, TAOCP 6.4). */
CAT_WRAPS static uint64_t hash_of(int64_t chunk, int32_t block)
{
    return ((uint64_t)chunk * 0x9e3779b97f4a7c15u + (uint64_t)block + 1) * 0x9e3779b97f4a7c15u;
}

static uint32_t place_of(const cat_cache *cache, uint64_t hash)
{
    return (uint32_t)(hash >> 40) & cache->bucket_mask;
}

static cat_slot **bucket_of(const cat_cache *cache, int64_t chunk, int32_t block)
{
    return &cache->buckets[place_of(cache, hash_of(chunk, block))];
}

/** Under the lock. */
static cat_slot *look_up(const cat_cache *cache, int64_t chunk, int32_t block)
{
    if (!cache->buckets) return NULL;
    cat_slot *slot = *bucket_of(cache, chunk, block);
    while (slot && (slot->chunk != chunk || slot->block != block)) slot = slot->next;
    if (slot) slot->used = true;
    return slot;
}

static void unlist(cat_cache *cache, cat_slot *slot)
{
    cat_slot **link = bucket_of(cache, slot->chunk, slot->block);
    while (*link != slot) link = &(*link)->next;
    *link = slot->next;
    slot->listed = false;
}

bool cat_cache_copy(cat_cache *cache, int64_t chunk, int32_t block, int64_t offset, void *out, size_t count)
{
    if (cache->slot_count == 0) return false;
    blosc2_lock_own(cache->lock);
    const cat_slot *slot = look_up(cache, chunk, block);
    if (slot) memcpy(out, slot->bytes + offset, count);
    blosc2_lock_release(cache->lock);
    return slot != NULL;
}

cat_slot *cat_cache_find(cat_cache *cache, int64_t chunk, int32_t block)
{
    blosc2_lock_own(cache->lock);
    cat_slot *slot = look_up(cache, chunk, block);
    if (slot) slot->pins++;
    blosc2_lock_release(cache->lock);
    return slot;
}

static bool make_slots(cat_cache *cache)
{
    if (cache->slots) return true;
    cache->slots = calloc((size_t)cache->slot_count, sizeof *cache->slots);
    cache->buckets = calloc((size_t)cache->bucket_mask + 1, sizeof(cat_slot *));
    cache->asked = calloc((size_t)cache->bucket_mask + 1, sizeof *cache->asked);
    if (cache->slots && cache->buckets && cache->asked) return true;
    cat_cache_empty(cache);
    return false;
}

/** A slot that nobody uses, taken out of the list. NULL: all are in use. */
static cat_slot *take_slot(cat_cache *cache)
{
    for (int64_t steps = 0; steps < 2 * (int64_t)cache->slot_count; steps++) {
        cat_slot *slot = &cache->slots[cache->hand];
        cache->hand = (cache->hand + 1) % cache->slot_count;
        if (slot->pins > 0) continue;
        if (slot->listed && slot->used) {
            slot->used = false;
            continue;
        }
        if (slot->listed) unlist(cache, slot);
        return slot;
    }
    return NULL;
}

/** True if a block was asked for before; from now on it was. Another one may have taken its place meanwhile.
 */
static bool ask(cat_cache *cache, int64_t chunk, int32_t block)
{
    uint64_t hash = hash_of(chunk, block), *place = &cache->asked[place_of(cache, hash)];
    bool is_known = *place == hash;
    *place = hash;
    return is_known;
}

cat_slot *cat_cache_claim(cat_cache *cache, int64_t chunk, int32_t block, cat_admission admission)
{
    if (cache->slot_count == 0) return NULL;
    blosc2_lock_own(cache->lock);
    bool is_let_in = make_slots(cache) && (ask(cache, chunk, block) || admission == CAT_ADMIT_ANY);
    cat_slot *slot = is_let_in ? take_slot(cache) : NULL;
    if (slot && !slot->bytes) slot->bytes = malloc((size_t)cache->block_bytes);
    if (slot && !slot->bytes) slot = NULL;
    if (slot) {
        slot->chunk = chunk;
        slot->block = block;
        slot->used = false;
        slot->pins = 1;
    }
    blosc2_lock_release(cache->lock);
    return slot;
}

void cat_cache_list(cat_cache *cache, cat_slot *slot)
{
    blosc2_lock_own(cache->lock);
    if (!look_up(cache, slot->chunk, slot->block)) { /* another thread may have been faster */
        cat_slot **bucket = bucket_of(cache, slot->chunk, slot->block);
        slot->next = *bucket;
        *bucket = slot;
        slot->listed = true;
    }
    blosc2_lock_release(cache->lock);
}

void cat_cache_release(cat_cache *cache, cat_slot *slot)
{
    blosc2_lock_own(cache->lock);
    slot->pins--;
    blosc2_lock_release(cache->lock);
}

void cat_cache_drop(cat_cache *cache, int64_t chunk)
{
    blosc2_lock_own(cache->lock);
    for (int32_t i = 0; cache->slots && i < cache->slot_count; i++) {
        cat_slot *slot = &cache->slots[i];
        if (slot->listed && slot->chunk == chunk) unlist(cache, slot);
    }
    blosc2_lock_release(cache->lock);
}
