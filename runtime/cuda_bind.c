/* cuda_bind.c: the driver's functions by name and version: a driver of another release gives the form that was asked for, or says no. */
#include "cuda_driver.h"

/* cuGetProcAddress_v2: the streams of the functions it gives are the legacy ones, as those of the exported symbols are. */
typedef int GetProc(const char *name, void **fn, int version, uint64_t flags, int *found);
enum { LEGACY_STREAM = 1, FOUND = 0 };

static void *ask(GetProc *get, const char *name, int version)
{
    void *fn = NULL;
    int found = FOUND;
    return !get || get(name, &fn, version, LEGACY_STREAM, &found) || found != FOUND ? NULL : fn;
}

const char *lgr__cuda_bind(LgrCudaDriver *f, void *(*find)(void *lib, const char *symbol), void *lib)
{
    GetProc *get;
    *(void **)&get = find(lib, "cuGetProcAddress_v2");
#define X(field, name, suffix, version, args)                       \
    *(void **)&f->field = ask(get, name, version);                  \
    if (!f->field)                                                  \
        *(void **)&f->field = find(lib, name suffix);               \
    if (!f->field)                                                  \
        return name suffix;
#include "cuda_driver.def"
#undef X
    return NULL;
}
