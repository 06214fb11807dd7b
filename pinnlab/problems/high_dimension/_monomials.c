/* Weighted sums of monomials of two neighbours; see _expansion.py.

All terms of some neighbours are in registers at once, and are added up there. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <string.h>

#if !defined(__GNUC__)
#error "arithmetic with vectors needs GCC or Clang"
#endif

#include "../../_processor.h"

enum { LOWEST = 2, HIGHEST = 6, LANES = 16, MOST = (HIGHEST + 1) * (HIGHEST + 2) / 2 };

typedef float Vector __attribute__((vector_size(4 * LANES), aligned(4), may_alias));

/* Of one row: the sums over i of c_i x_i^a x_(i+1)^b for all a + b up to the degree, b the faster
one, and of x_i^2. They are `step` numbers from each other. */
INLINE void row_sums(const int degree, const float *x, const float *c, long long columns,
                     float *out, long long step)
{
    Vector sums[MOST + 1] = {0};
    for (long long i = 0; i < columns; i += LANES) {
        Vector left, right, term;
        if (i + LANES <= columns) {
            left = *(const Vector *)(x + i);
            right = *(const Vector *)(x + i + 1);
            term = *(const Vector *)(c + i);
        } else { /* the last ones beside zeros */
            float rest[3][LANES] = {0};
            const size_t bytes = (size_t)(columns - i) * sizeof(float);
            memcpy(rest[0], x + i, bytes);
            memcpy(rest[1], x + i + 1, bytes);
            memcpy(rest[2], c + i, bytes);
            left = *(const Vector *)rest[0];
            right = *(const Vector *)rest[1];
            term = *(const Vector *)rest[2];
        }
        int number = 0;
#pragma GCC unroll 8
        for (int a = 0; a <= degree; a++) {
            Vector product = term;
#pragma GCC unroll 8
            for (int b = 0; b <= degree - a; b++) {
                sums[number++] += product;
                product *= right;
            }
            term *= left;
        }
        sums[number] += left * left;
    }
    for (int k = 0; k <= (degree + 1) * (degree + 2) / 2; k++) {
        float total = 0;
        for (int lane = 0; lane < LANES; lane++)
            total += sums[k][lane];
        out[k * step] = total;
    }
}

/* The loops over monomials are written out for each degree. */
#define OF_DEGREE(k) \
    case k: \
        row_sums(k, x, c, columns, out, rows); \
        break

FOR_THIS_PROCESSOR
static void all_sums(int degree, const float *x, long long row, const float *c, long long rows,
                     long long columns, float *out)
{
    for (long long k = 0; k < rows; k++, x += row, out++)
        switch (degree) {
            OF_DEGREE(2);
            OF_DEGREE(3);
            OF_DEGREE(4);
            OF_DEGREE(5);
            OF_DEGREE(6);
        }
}

static PyObject *sums(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    long long given[7];
    if (count != 7) {
        PyErr_Format(PyExc_TypeError, "expected degree, x, its step from row to row, c, rows, "
                     "columns and out, got %zd arguments", count);
        return NULL;
    }
    for (int k = 0; k < 7; k++)
        given[k] = PyLong_AsLongLong(arguments[k]);
    if (PyErr_Occurred())
        return NULL;
    if (given[0] < LOWEST || given[0] > HIGHEST)
        return PyErr_Format(PyExc_ValueError, "expected a degree from %d to %d, got %lld", LOWEST,
                            HIGHEST, given[0]);
    Py_BEGIN_ALLOW_THREADS
    all_sums((int)given[0], (const float *)(intptr_t)given[1], given[2],
             (const float *)(intptr_t)given[3], given[4], given[5], (float *)(intptr_t)given[6]);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"sums", (PyCFunction)(void (*)(void))sums, METH_FASTCALL,
     "sums(degree, x, step, c, rows, columns, out)\n\nWrite sums of all monomials and of squares."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_monomials", "Weighted sums of monomials of two neighbours.", 0,
    functions,
};

PyMODINIT_FUNC PyInit__monomials(void)
{
    return PyModule_Create(&definition);
}
