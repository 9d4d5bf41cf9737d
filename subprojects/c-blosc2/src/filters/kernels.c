/** The list of kernel tables, and the choice of one for this process. */
#include "filters/kernels.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/checked.h"
#include "blosc2.h"
#include "cpu/cpu.h"
#include "threads/os.h"

/* Best first. A new instruction set: one file, one line here, one in meson.build. */
static const b2_kernels *const TABLES[] = {
#ifdef B2_HAVE_AVX512
    &b2_kernels_avx512,
#endif
#ifdef B2_HAVE_AVX2
    &b2_kernels_avx2,
#endif
#ifdef B2_HAVE_SSE2
    &b2_kernels_sse2,
#endif
#ifdef B2_HAVE_NEON
    &b2_kernels_neon,
#endif
    &b2_kernels_generic, /* last: needs nothing */
};

static b2_once once = B2_ONCE_INIT;
static const b2_kernels *chosen; /* set once; NULL if CATERVA_ISA asks for what cannot run */
static char refusal[256];        /* then: the message */

static const b2_kernels *choose(const char *forced, uint32_t have)
{
    for (size_t i = 0; i < B2_COUNT(TABLES); i++) {
        const b2_kernels *table = TABLES[i];
        if (forced && strcmp(forced, table->name) != 0) continue;
        if ((table->needs & ~have) == 0) return table;
    }
    return NULL;
}

/** "avx2, generic": what can run here. */
static void list_names(uint32_t have, char *out, size_t out_bytes)
{
    size_t used = 0;
    for (size_t i = 0; i < B2_COUNT(TABLES) && used < out_bytes; i++) {
        if (TABLES[i]->needs & ~have) continue;
        used += (size_t)snprintf(out + used, out_bytes - used, "%s%s", used ? ", " : "", TABLES[i]->name);
    }
}

static void choose_once(void)
{
    const char *forced = getenv("CATERVA_ISA");
    if (forced && forced[0] == '\0') forced = NULL;
    uint32_t have = b2_cpu_features();
    chosen = choose(forced, have);
    if (chosen) return;
    char names[128];
    list_names(have, names, sizeof names);
    snprintf(refusal, sizeof refusal, "CATERVA_ISA: \"%.64s\" cannot run here (expected one of: %s)", forced,
             names);
}

int blosc2_init(void)
{
    b2_once_run(&once, choose_once);
    return chosen ? BLOSC2_OK : blosc2_fail(BLOSC2_E_ARGUMENT, "%s", refusal);
}

const b2_kernels *b2_kernels_get(void)
{
    b2_once_run(&once, choose_once);
    return chosen ? chosen : &b2_kernels_generic;
}

const char *blosc2_kernels_name(void)
{
    return b2_kernels_get()->name;
}

size_t blosc2_kernels_list(const char **names, size_t max)
{
    for (size_t i = 0; i < B2_COUNT(TABLES) && i < max; i++) names[i] = TABLES[i]->name;
    return B2_COUNT(TABLES);
}

int blosc2_kernels_can_run(const char *name)
{
    return name && choose(name, b2_cpu_features()) != NULL;
}

size_t b2_kernels_all(const b2_kernels *const **tables)
{
    *tables = TABLES;
    return B2_COUNT(TABLES);
}
