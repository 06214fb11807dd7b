/* The loop over rows, strips and instructions for numbers of type REAL; NAMED(x) is x for them. */

#if defined(__GNUC__)
typedef REAL NAMED(wide) __attribute__((vector_size(64), aligned(sizeof(REAL)), may_alias));
typedef REAL NAMED(narrow) __attribute__((vector_size(16), aligned(sizeof(REAL)), may_alias));
#define VECTOR NAMED(wide)
#define SLOTS NAMED(wide_slots)
#include "_strips_slots.h"
#define VECTOR NAMED(narrow)
#define SLOTS NAMED(narrow_slots)
#include "_strips_slots.h"
#endif
#define VECTOR REAL
#define SLOTS NAMED(single_slots)
#include "_strips_slots.h"

#define AT(array) ((REAL *)(array).address + row * (array).row + first * (array).advances)

/* One instruction on n columns of all its slots, some columns after the other. */
INLINE void NAMED(columns)(const Instruction *one, long long row, long long first, long long n)
{
    REAL *out = AT(one->out);
    const REAL *start = AT(one->start), *a = AT(one->a), *b = AT(one->b);
    const REAL *scale = (const REAL *)one->scale.address + row * one->scale.row;
    long long k = 0;
#define ALL(SOME, LENGTH) \
    for (; k + LENGTH <= n; k += LENGTH) \
        SOME(one, out + k, start + k, a + k, b ? b + k : b, one->scale.address ? scale : NULL)
#if defined(__GNUC__)
    ALL(NAMED(wide_slots), 64 / (long long)sizeof(REAL));
    ALL(NAMED(narrow_slots), 16 / (long long)sizeof(REAL));
#endif
    ALL(NAMED(single_slots), 1);
#undef ALL
}

/* The sum of a b, or of a alone; a few partial ones, for several additions to be under way. */
INLINE REAL NAMED(sum)(const REAL *a, const REAL *b, long long n)
{
    REAL sum = 0;
    long long k = 0;
#if defined(__GNUC__)
    enum { LENGTH = 64 / sizeof(REAL) };
    NAMED(wide) sums[4] = {{0}}, next;
#define ADD_NEXT(to) \
    next = *(const NAMED(wide) *)(a + k); \
    if (b) \
        next *= *(const NAMED(wide) *)(b + k); \
    to += next; \
    k += LENGTH;
    while (k + 4 * LENGTH <= n) {
        ADD_NEXT(sums[0])
        ADD_NEXT(sums[1])
        ADD_NEXT(sums[2])
        ADD_NEXT(sums[3])
    }
    while (k + LENGTH <= n) {
        ADD_NEXT(sums[0])
    }
#undef ADD_NEXT
    sums[0] += sums[1] + (sums[2] + sums[3]);
    const NAMED(narrow) *part = (const NAMED(narrow) *)sums;
    const NAMED(narrow) last = (part[0] + part[1]) + (part[2] + part[3]);
    for (int lane = 0; lane < LENGTH / 4; lane++)
        sum += last[lane];
#endif
    for (; k < n; k++)
        sum += b ? a[k] * b[k] : a[k];
    return sum;
}

FOR_THIS_PROCESSOR
static void NAMED(run)(const Instruction *code, long long length, long long rows, long long columns)
{
    const long long strip = STRIP_BYTES / sizeof(REAL);
    Ahead ahead[ARRAYS];
    const int arrays = find_ahead(ahead, code, length, sizeof(REAL));
    long long slots = 0, work = 0;
    for (int k = 0; k < arrays; k++)
        slots += ahead[k].slots;
    for (const Instruction *one = code; one < code + length; one++)
        work += one->slots * one->columns;
    for (long long row = 0; row < rows; row++) {
        long long done = 0, fetched = 0;
        for (long long first = 0; first < columns; first += strip)
            for (const Instruction *one = code; one < code + length; one++) {
                const long long left = one->columns - first, n = left < strip ? left : strip;
                if (n > 0 && row + 1 < rows) {
                    done += one->slots * n;
                    const long long until = slots * done / work;
                    fetch(ahead, arrays, row + 1, fetched, until);
                    fetched = until;
                }
                if (one->kind != ADD_SUM && one->slots > 1 && (n < FEW || !one->out.slot)) {
                    NAMED(columns)(one, row, first, n);
                    continue;
                }
                const REAL constant = (REAL)one->constant;
                for (long long slot = 0; slot < one->slots; slot++) {
                    REAL *out = AT(one->out) + slot * one->out.slot;
                    const REAL *start = AT(one->start) + slot * one->start.slot;
                    const REAL *a = AT(one->a) + slot * one->a.slot;
                    const REAL *b = AT(one->b) + slot * one->b.slot;
                    const REAL *scale = (const REAL *)one->scale.address;
                    REAL factor = (REAL)one->factor;
                    if (scale)
                        factor *= scale[row * one->scale.row + slot * one->scale.slot];
                    switch (one->kind) {
                    case SET:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = constant + factor * a[k];
                        break;
                    case SET_PRODUCT:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = constant + factor * a[k] * b[k];
                        break;
                    case ADD_NUMBER:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = start[k] + factor;
                        break;
                    case ADD:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = start[k] + factor * a[k];
                        break;
                    case ADD_PRODUCT:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = start[k] + factor * a[k] * b[k];
                        break;
                    case ADD_SUM:
                        *out += factor * NAMED(sum)(a, b, n);
                        break;
                    case TIMES_SLOPE_OF_TANH:
                        ANY_ORDER
                        for (long long k = 0; k < n; k++)
                            out[k] = a[k] * (1 - b[k] * b[k]);
                        break;
                    }
                }
            }
    }
}

#undef AT
