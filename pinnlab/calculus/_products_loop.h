/* The loops for numbers of type REAL in vectors of BYTES: tiles of ROWS x 2 vectors of x y, and of
LEFT x RIGHT sums of x yT. */

typedef REAL NAME(vector) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
typedef INTEGER NAME(lanes) __attribute__((vector_size(BYTES), aligned(sizeof(REAL)), may_alias));
#define VECTOR NAME(vector)
#define LENGTH ((Number)(BYTES / sizeof(REAL)))
#define PANEL (2 * LENGTH)
#define INNER ((Number)(BLOCK_BYTES / sizeof(REAL)))
#define CHUNK ((Number)(CHUNK_BYTES / sizeof(REAL)))

/* From place n on: a mask of the last n numbers of a vector. */
static const INTEGER NAME(last)[2 * LENGTH] = {[LENGTH ... 2 * LENGTH - 1] = -1};

/* out (+)= x y + shift for a few rows of x, packed term by term, and a panel of y. */
INLINE void NAME(tile)(const int rows, const REAL *x, const REAL *y, Number y_row, REAL *out,
                       Number out_row, Number inner, const REAL *shift, int add)
{
    VECTOR sums[ROWS][2] = {{{0}}};
    /* Results that are not in the cache arrive while the sums run. */
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        __builtin_prefetch(out + r * out_row, 1);
        __builtin_prefetch(out + r * out_row + LENGTH, 1);
    }
    if (add)
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sums[r][0] = *(const VECTOR *)(out + r * out_row);
            sums[r][1] = *(const VECTOR *)(out + r * out_row + LENGTH);
        }
    else if (shift)
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sums[r][0] += shift[r];
            sums[r][1] += shift[r];
        }
    for (Number p = 0; p < inner; p++, x += rows, y += y_row) {
        const VECTOR left = *(const VECTOR *)y, right = *(const VECTOR *)(y + LENGTH);
        __builtin_prefetch(y + PANEL);
        __builtin_prefetch(y + PANEL + LENGTH);
#pragma GCC unroll 16
        for (int r = 0; r < rows; r++) {
            sums[r][0] += x[r] * left;
            sums[r][1] += x[r] * right;
        }
    }
#pragma GCC unroll 16
    for (int r = 0; r < rows; r++) {
        *(VECTOR *)(out + r * out_row) = sums[r][0];
        *(VECTOR *)(out + r * out_row + LENGTH) = sums[r][1];
    }
}

/* The same for any number of rows up to ROWS. */
INLINE void NAME(rows)(Number rows, const REAL *x, const REAL *y, Number y_row, REAL *out,
                       Number out_row, Number inner, const REAL *shift, int add)
{
#define CASE(r) \
    case r: \
        NAME(tile)(r, x, y, y_row, out, out_row, inner, shift, add); \
        break;
    switch (rows) {
        CASE(1) CASE(2) CASE(3) CASE(4) CASE(5) CASE(6)
#if ROWS > 6
        CASE(7) CASE(8) CASE(9) CASE(10)
#endif
    }
#undef CASE
}

/* out (+)= x y, and the bias in its first `biased` columns; columns of y and of out are next to each
other. */
__attribute__((target(TARGET))) static void NAME(times)(Matrix out, Matrix x, Matrix y, Number m,
                                                        Number inner, Number n, Matrix bias,
                                                        Number biased, int add)
{
    REAL packed[BLOCK_ROWS * INNER], edge[INNER * PANEL], corner[ROWS * PANEL], shift[BLOCK_ROWS];
    for (Number p = 0; p < inner; p += INNER, add = 1, biased = 0) {
        const Number terms = inner - p < INNER ? inner - p : INNER;
        for (Number i = 0; i < m; i += BLOCK_ROWS) {
            const Number block = m - i < BLOCK_ROWS ? m - i : BLOCK_ROWS;
            const Number tiles = (block + ROWS - 1) / ROWS;
            for (Number t = 0; t < tiles; t++) {
                const Number from = block * t / tiles, rows = block * (t + 1) / tiles - from;
                REAL *into = packed + from * terms;
                const REAL *own = (const REAL *)x.start + (i + from) * x.row + p * x.column;
                for (Number k = 0; k < terms; k++)
                    for (Number r = 0; r < rows; r++)
                        into[k * rows + r] = own[r * x.row + k * x.column];
            }
            for (Number r = 0; biased && r < block; r++)
                shift[r] = ((const REAL *)bias.start)[(i + r) * bias.row];
            for (Number j = 0; j < n; j += PANEL) {
                const Number columns = n - j < PANEL ? n - j : PANEL;
                const Number shifted = biased - j < columns ? biased - j : columns;
                const REAL *panel = (const REAL *)y.start + p * y.row + j;
                Number step = y.row;
                if (columns < PANEL) {
                    for (Number k = 0; k < terms; k++)
                        for (Number c = 0; c < PANEL; c++)
                            edge[k * PANEL + c] = c < columns ? panel[k * y.row + c] : 0;
                    panel = edge, step = PANEL;
                }
                for (Number t = 0; t < tiles; t++) {
                    const Number from = block * t / tiles, rows = block * (t + 1) / tiles - from;
                    const REAL *own = packed + from * terms;
                    REAL *into = (REAL *)out.start + (i + from) * out.row + j;
                    if (columns == PANEL && (shifted == PANEL || shifted <= 0)) {
                        NAME(rows)(rows, own, panel, step, into, out.row, terms,
                                   shifted > 0 ? shift + from : NULL, add);
                        continue;
                    }
                    NAME(rows)(rows, own, panel, step, corner, PANEL, terms, NULL, 0);
                    for (Number r = 0; r < rows; r++)
                        for (Number c = 0; c < columns; c++)
                            into[r * out.row + c] = corner[r * PANEL + c] +
                                                    (c < shifted ? shift[from + r] : 0) +
                                                    (add ? into[r * out.row + c] : 0);
                }
            }
        }
    }
}

/* Blocks of w numbers, in turn of a and of b: the first half of each 2 w numbers, plus the second. */
INLINE VECTOR NAME(fold)(const int w, VECTOR a, VECTOR b)
{
#ifdef __clang__
    VECTOR first, second;
#pragma GCC unroll 16
    for (int k = 0; k < LENGTH; k++) {
        const int from = k / (2 * w) * 2 * w + k % w;
        first[k] = k & w ? b[from] : a[from];
        second[k] = k & w ? b[from + w] : a[from + w];
    }
    return first + second;
#else
    NAME(lanes) from;
#pragma GCC unroll 16
    for (int k = 0; k < LENGTH; k++)
        from[k] = k / (2 * w) * 2 * w + k % w + (k & w ? LENGTH : 0);
    return __builtin_shuffle(a, b, from) + __builtin_shuffle(a, b, from + w);
#endif
}

/* The sums over the numbers of up to LENGTH vectors, which are overwritten. */
INLINE void NAME(sums)(const int count, VECTOR *all, REAL *out)
{
#define FOLD(w) \
    if (w < LENGTH) \
        _Pragma("GCC unroll 8") for (int k = 0; k < w; k++) \
            if (k < count) \
                all[k] = NAME(fold)(w, all[k], all[k + w < count ? k + w : k]);
    FOLD(8) FOLD(4) FOLD(2) FOLD(1)
#undef FOLD
    *(VECTOR *)out = all[0];
}

/* Sums over the first terms of some rows each of x and of y, left x right of them. Beyond the last
row stands the last one again. */
INLINE void NAME(corner)(const int left, const int right, const REAL *x, Number x_row, Number m,
                         const REAL *y, Number y_row, Number n, Number terms, REAL *out,
                         Number row, Number column, int add)
{
    const REAL *a[LEFT], *b[RIGHT];
    VECTOR sums[LEFT * RIGHT] = {{0}};
    REAL found[LEFT * RIGHT + LENGTH];
    const Number rest = terms % LENGTH, whole = terms - rest, end = terms - LENGTH;
    for (int r = 0; r < left; r++)
        a[r] = x + (r < m ? r : m - 1) * x_row;
    for (int c = 0; c < right; c++)
        b[c] = y + (c < n ? c : n - 1) * y_row;
    for (Number k = 0; k < whole; k += LENGTH) {
        VECTOR beside[RIGHT];
#pragma GCC unroll 8
        for (int c = 0; c < right; c++) {
            __builtin_prefetch(b[c] + k + 8 * LENGTH);
            beside[c] = *(const VECTOR *)(b[c] + k);
        }
#pragma GCC unroll 8
        for (int r = 0; r < left; r++) {
            const VECTOR own = *(const VECTOR *)(a[r] + k);
#pragma GCC unroll 8
            for (int c = 0; c < right; c++)
                sums[r * right + c] += own * beside[c];
        }
    }
    if (rest && whole) {
        /* The last vector, without what has been added. */
        const NAME(lanes) seen = *(const NAME(lanes) *)(NAME(last) + rest);
        VECTOR beside[RIGHT];
#pragma GCC unroll 8
        for (int c = 0; c < right; c++)
            beside[c] = (VECTOR)(*(const NAME(lanes) *)(b[c] + end) & seen);
#pragma GCC unroll 8
        for (int r = 0; r < left; r++) {
            const VECTOR own = *(const VECTOR *)(a[r] + end);
#pragma GCC unroll 8
            for (int c = 0; c < right; c++)
                sums[r * right + c] += own * beside[c];
        }
    }
#pragma GCC unroll 8
    for (int first = 0; first < LEFT * RIGHT; first += LENGTH)
        if (first < left * right) {
            const int count = left * right - first;
            NAME(sums)(count < LENGTH ? count : LENGTH, sums + first, found + first);
        }
    for (Number k = 0; !whole && k < rest; k++)
        for (int r = 0; r < left; r++)
            for (int c = 0; c < right; c++)
                found[r * right + c] += a[r][k] * b[c][k];
#pragma GCC unroll 8
    for (int r = 0; r < left; r++)
#pragma GCC unroll 8
        for (int c = 0; c < right; c++)
            if (r < m && c < n) {
                REAL *into = out + r * row + c * column;
                *into = add ? *into + found[r * right + c] : found[r * right + c];
            }
}

/* out (+)= x yT; columns of x and of y, over which the sums run, are next to each other. */
__attribute__((target(TARGET))) static void NAME(dots)(Matrix out, Matrix x, Matrix y, Number m,
                                                       Number inner, Number n, Matrix bias,
                                                       Number biased, int add)
{
    (void)bias, (void)biased;
    const Number tall = (m + LEFT - 1) / LEFT, wide = (n + RIGHT - 1) / RIGHT;
    const Number vectors = (inner + LENGTH - 1) / LENGTH, chunks = (inner + CHUNK - 1) / CHUNK;
    for (Number chunk = 0; chunk < chunks; chunk++, add = 1) {
        const Number p = vectors * chunk / chunks * LENGTH;
        const Number end = vectors * (chunk + 1) / chunks * LENGTH;
        const Number terms = (end < inner ? end : inner) - p;
        for (Number t = 0; t < wide; t++)
            for (Number s = 0; s < tall; s++) {
                const Number i = m * s / tall, rows = m * (s + 1) / tall - i;
                const Number j = n * t / wide, columns = n * (t + 1) / wide - j;
                const REAL *a = (const REAL *)x.start + i * x.row + p;
                const REAL *b = (const REAL *)y.start + j * y.row + p;
                REAL *into = (REAL *)out.start + i * out.row + j * out.column;
                /* Meanwhile the next rows of y come nearer, a part with each corner. */
                const Number next = t + 1 < wide ? n * (t + 2) / wide : 0;
                for (Number r = j + columns; r < next; r++)
                    for (Number k = terms * s / tall; k < terms * (s + 1) / tall; k += LENGTH)
                        __builtin_prefetch((const REAL *)y.start + r * y.row + p + k, 0, 2);
#define CASE(left, right) \
    NAME(corner)(left, right, a, x.row, rows, b, y.row, columns, terms, into, out.row, \
                 out.column, add)
                if (rows == 1)
                    CASE(1, RIGHT);
                else if (rows == LEFT && columns == RIGHT)
                    CASE(LEFT, RIGHT);
                else if (rows == LEFT)
                    CASE(LEFT, RIGHT - 1);
                else if (columns == RIGHT)
                    CASE(LEFT - 1, RIGHT);
                else
                    CASE(LEFT - 1, RIGHT - 1);
#undef CASE
            }
    }
}

#undef VECTOR
#undef LENGTH
#undef PANEL
#undef INNER
#undef CHUNK
