/* One instruction on VECTOR numbers of all its slots, named SLOTS. What slots share stays in a
register; if they share the result, they are added up there. */

#define IN(array) (*(const VECTOR *)(array))
#define OUT(array) (*(VECTOR *)(array))
#define EACH_SLOT \
    for (long long slot = 0; slot < slots; \
         slot++, out += to, start += from, a += a_step, b += b_step, scale += scale_step)
#define FACTOR (number * (scale ? *scale : 1))

INLINE void SLOTS(const Instruction *one, REAL *out, const REAL *start, const REAL *a,
                  const REAL *b, const REAL *scale)
{
    const REAL number = (REAL)one->factor, constant = (REAL)one->constant;
    /* The compiler does not know that no result is written over the instruction. */
    const long long slots = one->slots, to = one->out.slot, from = one->start.slot;
    const long long a_step = one->a.slot, b_step = one->b.slot, scale_step = one->scale.slot;
    const int shared = b && !b_step, total = !to;
    VECTOR sum = IN(out), right = IN(shared ? b : out);
    switch (one->kind) {
    case SET:
        EACH_SLOT OUT(out) = constant + FACTOR * IN(a);
        break;
    case SET_PRODUCT:
        if (shared)
            EACH_SLOT OUT(out) = constant + FACTOR * IN(a) * right;
        else
            EACH_SLOT OUT(out) = constant + FACTOR * IN(a) * IN(b);
        break;
    case ADD_NUMBER:
        if (total) {
            EACH_SLOT sum += FACTOR;
            OUT(out) = sum;
        } else
            EACH_SLOT OUT(out) = IN(start) + FACTOR;
        break;
    case ADD:
        if (total) {
            EACH_SLOT sum += FACTOR * IN(a);
            OUT(out) = sum;
        } else
            EACH_SLOT OUT(out) = IN(start) + FACTOR * IN(a);
        break;
    case ADD_PRODUCT:
        if (total) {
            EACH_SLOT sum += FACTOR * IN(a) * IN(b);
            OUT(out) = sum;
        } else if (shared)
            EACH_SLOT OUT(out) = IN(start) + FACTOR * IN(a) * right;
        else
            EACH_SLOT OUT(out) = IN(start) + FACTOR * IN(a) * IN(b);
        break;
    case TIMES_SLOPE_OF_TANH:
        right = 1 - right * right;
        if (shared)
            EACH_SLOT OUT(out) = IN(a) * right;
        else
            EACH_SLOT OUT(out) = IN(a) * (1 - IN(b) * IN(b));
        break;
    }
}

#undef IN
#undef OUT
#undef EACH_SLOT
#undef FACTOR
#undef SLOTS
#undef VECTOR
