/* The loop over rows, strips and instructions for numbers of type REAL, named RUN. */

#define AT(array) \
    ((REAL *)(array).address + row * (array).row + slot * (array).slot + first * (array).advances)

/* The sum of a b, or of a alone. */
INLINE REAL SUM(const REAL *a, const REAL *b, long long n)
{
    enum { LANES = SIDE_BY_SIDE / sizeof(REAL) };
    REAL sums[LANES] = {0};
    long long k = 0;
    if (b)
        for (; k + LANES <= n; k += LANES) {
            ANY_ORDER
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] += a[k + lane] * b[k + lane];
        }
    else
        for (; k + LANES <= n; k += LANES) {
            ANY_ORDER
            for (int lane = 0; lane < LANES; lane++)
                sums[lane] += a[k + lane];
        }
    for (int half = LANES / 2; half; half /= 2)
        for (int lane = 0; lane < half; lane++)
            sums[lane] += sums[lane + half];
    for (; k < n; k++)
        sums[0] += b ? a[k] * b[k] : a[k];
    return sums[0];
}

FOR_THIS_PROCESSOR
static void RUN(const Instruction *code, long long length, long long rows, long long columns)
{
    const long long strip = STRIP_BYTES / sizeof(REAL);
    for (long long row = 0; row < rows; row++)
        for (long long first = 0; first < columns; first += strip)
            for (const Instruction *one = code; one < code + length; one++) {
                const long long left = one->columns - first, n = left < strip ? left : strip;
                const REAL *scale = (const REAL *)one->scale.address;
                const REAL factor = (REAL)one->factor * (scale ? scale[row * one->scale.row] : 1);
                const REAL constant = (REAL)one->constant;
                for (long long slot = 0; slot < one->slots; slot++) {
                    REAL *out = AT(one->out);
                    const REAL *start = AT(one->start), *a = AT(one->a), *b = AT(one->b);
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
                        *out += factor * SUM(a, b, n);
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

#undef AT
