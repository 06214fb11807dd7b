/* Pointwise arithmetic on short strips of many arrays; see strips.py.

Every instruction does one operation with the numbers of some rows and columns. All instructions
are carried out on a strip of one row, which stays in the cache, before the next strip. */

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "../_processor.h"

/* An array that is written is one of those read, or apart from all of them. */
#if defined(__clang__)
#define ANY_ORDER _Pragma("clang loop vectorize(assume_safety)")
#elif defined(__GNUC__)
#define ANY_ORDER _Pragma("GCC ivdep")
#elif defined(_MSC_VER)
#define ANY_ORDER __pragma(loop(ivdep))
#else
#define ANY_ORDER
#endif

/* Of one array: long enough to amortise an instruction, short enough for the cache. */
#define STRIP_BYTES 4096

/* Where an array begins, the steps from row to row and from slot to slot, and whether it goes on
from strip to strip (1) or is written anew in each (0). Steps are counted in numbers. */
typedef struct {
    long long address, row, slot, advances;
} Array;

/* Of what the instructions mean; strips.py asks for the same one. */
#define VERSION 2

/* One operation on the first `columns` columns of `slots` slots; arrays at address 0 are absent.
Slots with a step of zero are the same one; what they share as the result, each adds to. The factor
is multiplied by the own number of the row, and of the slot, in `scale`. */
typedef struct {
    long long kind, slots, columns;
    double factor, constant;
    Array out, start, a, b, scale;
} Instruction;

enum { SET, SET_PRODUCT, ADD_NUMBER, ADD, ADD_PRODUCT, TIMES_SLOPE_OF_TANH, ADD_SUM };

/* Columns up to which it is faster to take some of them in all slots before the next ones. */
#define FEW 256

#if defined(__GNUC__)
#define FETCH(address) __builtin_prefetch(address, 0, 2)
#else
#define FETCH(address) ((void)(address))
#endif

/* What a row of an array needs is fetched into the cache while the row before is computed, for so
many arrays. */
enum { LINE = 64, ARRAYS = 16 };

typedef struct {
    const char *start;
    long long row, slot, slots, bytes;
} Ahead;

/* The first arrays of all instructions, each once; how many there are. */
static int find_ahead(Ahead *arrays, const Instruction *code, long long length, long long bytes)
{
    int count = 0;
    for (const Instruction *one = code; one < code + length; one++) {
        const Array *own[] = {&one->start, &one->a, &one->b, &one->out};
        for (int k = 0; k < 4; k++) {
            const Ahead next = {(const char *)own[k]->address, own[k]->row * bytes,
                                own[k]->slot * bytes, own[k]->slot ? one->slots : 1,
                                one->columns * bytes};
            int at = 0;
            while (at < count && arrays[at].start != next.start)
                at++;
            if (!next.start || !own[k]->advances || !next.row || at == ARRAYS)
                continue;
            if (at == count || arrays[at].slots * arrays[at].bytes < next.slots * next.bytes)
                arrays[at] = next;
            count += at == count;
        }
    }
    return count;
}

/* Fetch a row of some of the slots, counted through all arrays. */
static void fetch(const Ahead *arrays, int count, long long row, long long from, long long to)
{
    for (const Ahead *array = arrays; array < arrays + count && to > 0; array++) {
        for (long long slot = from > 0 ? from : 0; slot < to && slot < array->slots; slot++) {
            const char *start = array->start + row * array->row + slot * array->slot;
            for (long long at = 0; at < array->bytes; at += LINE)
                FETCH(start + at);
        }
        from -= array->slots, to -= array->slots;
    }
}

#define REAL float
#define NAMED(x) x##_float
#include "_strips_loop.h"
#undef REAL
#undef NAMED

#define REAL double
#define NAMED(x) x##_double
#include "_strips_loop.h"

/* The owner is any object; whoever keeps the arguments keeps the memory that the code refers to. */
static PyObject *run(PyObject *module, PyObject *const *arguments, Py_ssize_t count)
{
    if (count != 5) {
        PyErr_Format(PyExc_TypeError, "expected code, rows, columns, bytes of a number and the "
                     "owner of all arrays, got %zd arguments", count);
        return NULL;
    }
    long long rows = PyLong_AsLongLong(arguments[1]), columns = PyLong_AsLongLong(arguments[2]);
    long bytes = PyLong_AsLong(arguments[3]);
    if (PyErr_Occurred())
        return NULL;
    Py_buffer code;
    if (PyObject_GetBuffer(arguments[0], &code, PyBUF_SIMPLE))
        return NULL;
    if (code.len % (Py_ssize_t)sizeof(Instruction) || (bytes != 4 && bytes != 8)) {
        PyErr_Format(PyExc_ValueError, "expected instructions of %zu bytes and numbers of 4 or 8, "
                     "got %zd bytes in all and numbers of %ld", sizeof(Instruction), code.len,
                     bytes);
        PyBuffer_Release(&code);
        return NULL;
    }
    long long length = (long long)(code.len / (Py_ssize_t)sizeof(Instruction));
    Py_BEGIN_ALLOW_THREADS
    if (bytes == 4)
        run_float(code.buf, length, rows, columns);
    else
        run_double(code.buf, length, rows, columns);
    Py_END_ALLOW_THREADS
    PyBuffer_Release(&code);
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"run", (PyCFunction)(void (*)(void))run, METH_FASTCALL,
     "run(code, rows, columns, bytes, owner)\n\nCarry out instructions, strip by strip."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT, "_strips", "Pointwise arithmetic, strip by strip.", 0, functions,
};

PyMODINIT_FUNC PyInit__strips(void)
{
    PyObject *module = PyModule_Create(&definition);
    if (module && (PyModule_AddIntConstant(module, "STRIP_BYTES", STRIP_BYTES) ||
                   PyModule_AddIntConstant(module, "VERSION", VERSION))) {
        Py_DECREF(module);
        return NULL;
    }
    return module;
}
