/** The cache of decoded blocks: finds what was listed, forgets what was dropped, keeps to its bytes. */
#include <string.h>

#include "cache.h"
#include "check.h"

enum { BLOCK_BYTES = 100 };

/** Claim, fill and list a block. @return False if there was no room. */
static bool put(cat_cache *cache, int64_t chunk, int32_t block)
{
    cat_slot *slot = cat_cache_claim(cache, chunk, block, CAT_ADMIT_ANY);
    if (!slot) return false;
    memset(slot->bytes, (int)(chunk * 16 + block) & 0xff, BLOCK_BYTES);
    cat_cache_list(cache, slot);
    cat_cache_release(cache, slot);
    return true;
}

/** True if the block is there, with its content. */
static bool has(cat_cache *cache, int64_t chunk, int32_t block)
{
    uint8_t got = 0;
    if (!cat_cache_copy(cache, chunk, block, BLOCK_BYTES - 1, &got, 1)) return false;
    CHECK(got == ((chunk * 16 + block) & 0xff));
    return true;
}

static void what_was_listed_is_found(void)
{
    cat_cache cache = {0};
    CHECK_OK(blosc2_lock_create(&cache.lock));
    CHECK(!put(&cache, 0, 0)); /* holds nothing yet */
    cat_cache_reset(&cache, 10 * BLOCK_BYTES + 99, BLOCK_BYTES);
    CHECK(!has(&cache, 0, 0));
    for (int32_t block = 0; block < 10; block++) CHECK(put(&cache, block / 4, block));
    for (int32_t block = 0; block < 10; block++) CHECK(has(&cache, block / 4, block));
    cat_cache_drop(&cache, 1);
    for (int32_t block = 0; block < 10; block++) CHECK(has(&cache, block / 4, block) == (block / 4 != 1));
    cat_cache_reset(&cache, cache.bytes, BLOCK_BYTES);
    CHECK(!has(&cache, 0, 0));
    cat_cache_empty(&cache);
    blosc2_lock_free(cache.lock);
}

static void the_block_that_nobody_used_makes_room(void)
{
    cat_cache cache = {0};
    CHECK_OK(blosc2_lock_create(&cache.lock));
    cat_cache_reset(&cache, 4 * BLOCK_BYTES, BLOCK_BYTES);
    CHECK(cat_cache_suits(&cache, 1) && !cat_cache_suits(&cache, 2));
    for (int32_t block = 0; block < 4; block++) CHECK(put(&cache, INT64_MAX / 32, block));
    for (int32_t block = 0; block < 4; block++) CHECK(block == 2 || has(&cache, INT64_MAX / 32, block));
    CHECK(put(&cache, 7, 0));
    CHECK(has(&cache, 7, 0) && !has(&cache, INT64_MAX / 32, 2) && has(&cache, INT64_MAX / 32, 3));
    cat_cache_empty(&cache);
    blosc2_lock_free(cache.lock);
}

static void a_block_that_must_be_known_is_let_in_when_asked_for_again(void)
{
    cat_cache cache = {0};
    CHECK_OK(blosc2_lock_create(&cache.lock));
    cat_cache_reset(&cache, 8 * BLOCK_BYTES, BLOCK_BYTES);
    for (int32_t block = 0; block < 100; block++) CHECK(!cat_cache_claim(&cache, 3, block, CAT_ADMIT_KNOWN));
    CHECK(!cat_cache_claim(&cache, 4, 7, CAT_ADMIT_KNOWN));
    cat_slot *slot = cat_cache_claim(&cache, 4, 7, CAT_ADMIT_KNOWN);
    CHECK(slot && slot->chunk == 4 && slot->block == 7);
    if (slot) cat_cache_release(&cache, slot);
    cat_cache_empty(&cache);
    blosc2_lock_free(cache.lock);
}

static void pinned_blocks_stay(void)
{
    cat_cache cache = {0};
    CHECK_OK(blosc2_lock_create(&cache.lock));
    cat_cache_reset(&cache, 2 * BLOCK_BYTES, BLOCK_BYTES);
    CHECK(put(&cache, 0, 1));
    cat_slot *found = cat_cache_find(&cache, 0, 1), *claimed = cat_cache_claim(&cache, 0, 2, CAT_ADMIT_ANY);
    CHECK(found && claimed && !cat_cache_claim(&cache, 0, 3, CAT_ADMIT_ANY));
    CHECK(!has(&cache, 0, 2)); /* not listed */
    cat_cache_drop(&cache, 0);
    CHECK(found->bytes[0] == 1 && !has(&cache, 0, 1)); /* dropped, but not taken away */
    cat_cache_release(&cache, found);
    CHECK(put(&cache, 0, 3) && has(&cache, 0, 3));
    cat_cache_release(&cache, claimed); /* as after a failure: never listed */
    CHECK(put(&cache, 0, 4) && has(&cache, 0, 4));
    cat_cache_empty(&cache);
    blosc2_lock_free(cache.lock);
}

static void a_block_listed_twice_is_there_once(void)
{
    cat_cache cache = {0};
    CHECK_OK(blosc2_lock_create(&cache.lock));
    cat_cache_reset(&cache, 3 * BLOCK_BYTES, BLOCK_BYTES);
    cat_slot *a = cat_cache_claim(&cache, 5, 5, CAT_ADMIT_ANY),
             *b = cat_cache_claim(&cache, 5, 5, CAT_ADMIT_ANY);
    CHECK(a && b);
    memset(a->bytes, 5 * 16 + 5, BLOCK_BYTES);
    cat_cache_list(&cache, a);
    cat_cache_list(&cache, b); /* too late: its content is the same in real life */
    cat_cache_release(&cache, a);
    cat_cache_release(&cache, b);
    CHECK(has(&cache, 5, 5));
    cat_cache_drop(&cache, 5);
    CHECK(!has(&cache, 5, 5));
    cat_cache_empty(&cache);
    blosc2_lock_free(cache.lock);
}

int main(void)
{
    what_was_listed_is_found();
    the_block_that_nobody_used_makes_room();
    a_block_that_must_be_known_is_let_in_when_asked_for_again();
    pinned_blocks_stay();
    a_block_listed_twice_is_there_once();
    return check_result();
}
