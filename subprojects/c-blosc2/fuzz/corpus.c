/**
 * Runs a fuzz target on the files of the folders that it is given, and on noise: what fuzzers begin with, and
 * what they have found, as a test. CATERVA_TEST_PROFILE=quick takes every ninth.
 */
#include "fuzz.h"
#include "scratch.h"

enum { FILE_MAX = 1 << 20, NOISE = 200 };

typedef struct corpus {
    int stride, seen, run;
} corpus;

static void run_bytes(corpus *all, const uint8_t *bytes, size_t size)
{
    if (all->seen++ % all->stride) return;
    uint8_t *exact = fuzz_alloc(size);
    memcpy(exact, bytes, size);
    LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    all->run++;
}

static void run_file(const char *path, void *context)
{
    static uint8_t bytes[FILE_MAX];
    FILE *file = fopen(path, "rb");
    if (!file) return;
    size_t size = fread(bytes, 1, sizeof bytes, file); /* 0 of a directory */
    fclose(file);
    if (size && size < sizeof bytes) run_bytes(context, bytes, size);
}

static void run_noise(corpus *all)
{
    static uint8_t bytes[4096];
    uint32_t state = 1;
    for (int i = 0; i < NOISE; i++) {
        size_t size = (size_t)(i * 37 % 4000);
        for (size_t k = 0; k < size; k++) {
            state = state * 1664525u + 1013904223u;
            bytes[k] = (uint8_t)(state >> 24 & (i % 3 ? 0xFF : 0x03));
        }
        run_bytes(all, bytes, size);
    }
}

int main(int argc, char **argv)
{
    const char *profile = getenv("CATERVA_TEST_PROFILE");
    corpus all = {.stride = profile && !strcmp(profile, "quick") ? 9 : 1};
    MUST(blosc2_init() == BLOSC2_OK);
    for (int i = 1; i < argc; i++) scratch_each(argv[i], run_file, &all);
    run_noise(&all);
    printf("%d inputs\n", all.run);
    return all.run >= NOISE / all.stride ? 0 : 1;
}
