/**
 * The input is a "b2nd" or "caterva" metalayer: what is understood of it, written again, is understood the
 * same. Built by ci/fuzz.
 */
#include "fuzz.h"
#include "metadata.h"

static void check(cat_metadata_kind kind, const uint8_t *data, size_t size)
{
    cat_metadata found, again;
    if (cat_metadata_parse(kind, data, (int32_t)size, &found) < 0) return;
    MUST(found.dtype_bytes >= 0 && (size_t)found.dtype_bytes <= size);
    char *dtype = (char *)fuzz_alloc((size_t)found.dtype_bytes + 1);
    if (found.dtype_bytes) memcpy(dtype, found.dtype, (size_t)found.dtype_bytes);
    dtype[found.dtype_bytes] = '\0';
    int64_t bytes = cat_metadata_size(kind, found.geometry.ndim, dtype);
    uint8_t *built = fuzz_alloc((size_t)bytes);
    cat_metadata_build(kind, &found.geometry, dtype, built);
    MUST(cat_metadata_parse(kind, built, (int32_t)bytes, &again) == BLOSC2_OK);
    MUST(memcmp(&found.geometry, &again.geometry, sizeof found.geometry) == 0);
    MUST(again.dtype_bytes == found.dtype_bytes);
    MUST(memcmp(again.dtype, dtype, (size_t)found.dtype_bytes) == 0);
    free(built);
    free(dtype);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    check(CAT_METADATA_CATERVA, data, size);
    check(CAT_METADATA_B2ND, data, size);
    return 0;
}
