/* ll_session.h: how an emission uses its session; shared by ll_session.c and ll_module.c only. */
#ifndef LGR_LL_SESSION_H
#define LGR_LL_SESSION_H
#include "ll_int.h"

void ll_enter(Ll *l);        /* fatal errors of LLVM on this thread jump to l->fail from now on */
void ll_leave(void);
void ll_catch(Ll *l);        /* errors reported through l->cx become diagnostics */
const char *ll_cpu(const LlSession *s, const LlOptions *o);
const char *ll_features(const LlSession *s, const LlOptions *o);

#endif
