/* What CPython's public headers ask of the system, answered for macOS on Apple Silicon: its own pyconfig.h is made by a
   configure script that runs there. Sizes of long and pointers stand in CPython's pymacconfig.h.
   check_pyconfig.py tells whether all is answered for a version of Python. */
#ifndef Py_PYCONFIG_H
#define Py_PYCONFIG_H

#define ALIGNOF_MAX_ALIGN_T 8
#define HAVE_CLOCK_GETTIME 1
#define HAVE_COPYSIGN 1
#define HAVE_DECL_ISFINITE 1
#define HAVE_DECL_ISINF 1
#define HAVE_DECL_ISNAN 1
#define HAVE_ERRNO_H 1
#define HAVE_FINITE 1
#define HAVE_FORK 1
#define HAVE_HYPOT 1
#define HAVE_KQUEUE 1
#define HAVE_LANGINFO_H 1
#define HAVE_PTHREAD_H 1
#define HAVE_READLINK 1
#define HAVE_REALPATH 1
#define HAVE_ROUND 1
#define HAVE_SSIZE_T 1
#define HAVE_SYS_SELECT_H 1
#define HAVE_SYS_STAT_H 1
#define HAVE_SYS_TIME_H 1
#define HAVE_SYS_TYPES_H 1
#define HAVE_WCHAR_H 1
#define PY_FORMAT_SIZE_T "z"
#define SIZEOF_DOUBLE 8
#define SIZEOF_FLOAT 4
#define SIZEOF_INT 4
#define SIZEOF_LONG_DOUBLE 8
#define SIZEOF_LONG_LONG 8
#define SIZEOF_OFF_T 8
#define SIZEOF_PID_T 4
#define SIZEOF_SHORT 2
#define SIZEOF_WCHAR_T 4
#define TIME_WITH_SYS_TIME 1
#define WITH_DOC_STRINGS 1
#define WITH_MIMALLOC 1
#define WITH_PYMALLOC 1

#undef ALT_SOABI
#undef HAVE_ALIGNED_REQUIRED
#undef HAVE_GCC_ASM_FOR_MC68881
#undef HAVE_IEEEFP_H
#undef HAVE_PTHREAD_STUBS
#undef HAVE_SYS_TERMIO_H
#undef HAVE_USABLE_WCHAR_T
#undef HAVE__GETPTY
#undef PYLONG_BITS_IN_DIGIT
#undef Py_DEBUG
#undef Py_ENABLE_SHARED
#undef Py_GIL_DISABLED
#undef Py_HASH_ALGORITHM
#undef Py_STATS
#undef Py_TRACE_REFS
#undef SIGNED_RIGHT_SHIFT_ZERO_FILLS
#undef WITH_DTRACE
#undef X87_DOUBLE_ROUNDING
#undef mode_t
#undef pid_t

#endif
