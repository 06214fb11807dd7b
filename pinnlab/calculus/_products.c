/* Products of narrow matrices; see products.py.

A tile of the result stays in registers while the sums run. One binary holds the loops for vector
registers of 32 and of 64 bytes, levels 0 and 1; how many of them this processor has is asked when
the binary is loaded. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

typedef long long Number;

/* A matrix: its first number, and the steps from row to row and from column to column. */
typedef struct {
    void *start;
    Number row, column;
} Matrix;

typedef void (*Product)(Matrix out, Matrix x, Matrix y, Number m, Number inner, Number n,
                        Matrix bias, Number biased, int add);

/* Rows of x, terms of a sum and numbers of a row that are taken at once, so that what is read again
and again stays in the nearest cache. */
enum { BLOCK_ROWS = 130, BLOCK_BYTES = 1024, CHUNK_BYTES = 16384 };

#if defined(__x86_64__) && defined(__GNUC__)

#define JOIN_(a, b, c) a##_##b##_##c
#define JOIN(a, b, c) JOIN_(a, b, c)
#define NAME(of) JOIN(of, REAL, BYTES)
#define INLINE static inline __attribute__((always_inline, target(TARGET)))

#define TARGET "avx2,fma"
#define BYTES 32
#define ROWS 6
#define LEFT 3
#define RIGHT 4
#define REAL float
#define INTEGER int
#include "_products_loop.h"
#undef REAL
#undef INTEGER
#define REAL double
#define INTEGER long long
#include "_products_loop.h"
#undef REAL
#undef INTEGER
#undef TARGET
#undef BYTES
#undef ROWS
#undef LEFT
#undef RIGHT

#define TARGET "avx512f,fma"
#define BYTES 64
#define ROWS 10
#define LEFT 5
#define RIGHT 5
#define REAL float
#define INTEGER int
#include "_products_loop.h"
#undef REAL
#undef INTEGER
#define REAL double
#define INTEGER long long
#include "_products_loop.h"

/* By level, kind and number. */
static const Product known[2][2][2] = {
    {{times_float_32, times_double_32}, {dots_float_32, dots_double_32}},
    {{times_float_64, times_double_64}, {dots_float_64, dots_double_64}},
};

static int levels(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma"))
        return 0;
    return __builtin_cpu_supports("avx512f") ? 2 : 1;
}

#else

static const Product known[1][2][2];

static int levels(void)
{
    return 0;
}

#endif

/* product(level, kind, bytes, add, m, inner, n, biased, *matrices, owner), with out, x, y and the
bias as matrices: address, step from row to row and step from column to column of each. The owner is
any object; whoever keeps the arguments keeps the memory of its matrices. */
static PyObject *product(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    enum { COUNT = 20 };
    Number v[COUNT];
    if (count != COUNT + 1) {
        PyErr_Format(PyExc_TypeError, "expected %d numbers and their owner, got %zd arguments",
                     COUNT, count);
        return NULL;
    }
    for (Py_ssize_t k = 0; k < COUNT; k++) {
        v[k] = PyLong_AsLongLong(arguments[k]);
        if (v[k] == -1 && PyErr_Occurred())
            return NULL;
    }
    if (v[0] < 0 || v[0] >= levels() || v[1] < 0 || v[1] > 1 || (v[2] != 4 && v[2] != 8)) {
        PyErr_Format(PyExc_ValueError, "no product of level %lld and kind %lld of numbers of %lld "
                     "bytes on this processor", v[0], v[1], v[2]);
        return NULL;
    }
    const Product run = known[v[0]][v[1]][v[2] == 8];
    const Matrix out = {(void *)v[8], v[9], v[10]}, x = {(void *)v[11], v[12], v[13]};
    const Matrix y = {(void *)v[14], v[15], v[16]}, bias = {(void *)v[17], v[18], v[19]};
    Py_BEGIN_ALLOW_THREADS
    run(out, x, y, v[4], v[5], v[6], bias, v[7], v[3] != 0);
    Py_END_ALLOW_THREADS
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"product", (PyCFunction)(void (*)(void))product, METH_FASTCALL,
     "product(level, kind, bytes, add, m, inner, n, biased, *matrices, owner)\n\n"
     "Multiply two matrices."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_products", "Products of narrow matrices.", 0, functions,
};

PyMODINIT_FUNC PyInit__products(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && PyModule_AddIntConstant(module, "LEVELS", levels())) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
