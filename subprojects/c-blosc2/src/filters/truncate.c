#include "filters/truncate.h"

#include "base/bytes.h"
#include "blosc2.h"

/** Bits that can be kept: the mantissa of a float or the whole of an integer; 0 if the item size does not
 * fit. */
static int usable_bits(int filter, int32_t item_bytes)
{
    if (filter == BLOSC2_TRUNC_PREC) return item_bytes == 4 ? 23 : item_bytes == 8 ? 52 : 0;
    int power_of_two = (item_bytes & (item_bytes - 1)) == 0;
    return power_of_two && item_bytes >= 1 && item_bytes <= 8 ? 8 * item_bytes : 0;
}

int b2_truncate_bits(int filter, int32_t item_bytes, uint8_t meta, int *dropped)
{
    const char *name = filter == BLOSC2_TRUNC_PREC ? "TRUNC_PREC" : "INT_TRUNC";
    int usable = usable_bits(filter, item_bytes);
    if (usable == 0) {
        return blosc2_fail(BLOSC2_E_ARGUMENT, "filter %s: item size %d (expected %s)", name, (int)item_bytes,
                           filter == BLOSC2_TRUNC_PREC ? "4 or 8" : "1, 2, 4 or 8");
    }
    int parameter = meta < 128 ? meta : meta - 256;
    int bits = parameter >= 0 ? usable - parameter : -parameter;
    if (bits < 0 || bits >= usable) {
        return blosc2_fail(BLOSC2_E_ARGUMENT,
                           "filter %s: parameter %d (expected 1..%d to keep, or -%d..-1 to drop bits of %d)",
                           name, parameter, usable, usable - 1, usable);
    }
    *dropped = bits;
    return BLOSC2_OK;
}

void b2_truncate(const uint8_t *in, uint8_t *out, size_t bytes, int32_t item_bytes, int dropped)
{
    size_t unit = (size_t)item_bytes;
    size_t whole = bytes - bytes % unit;
    uint64_t keep = ~(((uint64_t)1 << dropped) - 1); /* of one item; dropped < 64 */
    size_t i = 0;
    if (unit < 8) {
        keep &= ((uint64_t)1 << (8 * unit)) - 1;
        for (size_t u = unit; u < 8; u *= 2) keep |= keep << (8 * u); /* as many as make 8 bytes */
    }
    for (; i + 8 <= whole; i += 8) b2_store_le64(out + i, b2_load_le64(in + i) & keep);
    for (; i < whole; i++) out[i] = in[i] & (uint8_t)(keep >> (8 * (i % 8)));
    for (; i < bytes; i++) out[i] = in[i];
}
