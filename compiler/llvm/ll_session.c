/* ll_session.c: what lives longer than one module: LLVM's targets and the target machines, and how failures come back.
 *
 * LLVM reports its own fatal errors through a callback without context and would then exit; the callback jumps back into the
 * emission that runs on this thread.  Each emission has its own LLVM context, so that sessions share nothing.
 */
#include <llvm-c/ErrorHandling.h>
#include <llvm-c/Support.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include "ll_session.h"

enum { MAX_HOST_MACHINES = 8 };

typedef struct HostMachine { char *cpu, *features; LLVMTargetMachineRef tm; } HostMachine;

struct LlSession {
    char *cpu, *features;
    LLVMTargetMachineRef gpu[TARGET_COUNT];
    HostMachine host[MAX_HOST_MACHINES]; uint32_t nhost;
};

/* The callback has no other way to find its emission. */
static _Thread_local Ll *running;

static void on_fatal(const char *reason)
{
    Ll *l = running;
    if (!l)
        return;
    diag_report(l->d, DIAG_BUG, LG_EMIT, (Span){0}, "LLVM: %s", reason);
    longjmp(l->fail, LL_JUMP_LLVM);
}

static void init_llvm(void)
{
    LLVMInitializeNVPTXTargetInfo();
    LLVMInitializeNVPTXTarget();
    LLVMInitializeNVPTXTargetMC();
    LLVMInitializeNVPTXAsmPrinter();
    LLVMInitializeNativeTarget();
    LLVMInitializeNativeAsmPrinter();
    LLVMInitializeNativeAsmParser();
    LLVMInstallFatalErrorHandler(on_fatal);
    /* A fourth of the time that a GPU's code takes, for nothing: constants are in the addresses already, and what was computed before is not
     * written again (on the host other passes find it as well).  Loop strength reduction took up to nine tenths where a loop has many addresses
     * (0.6 s); kernels are as fast without it.  Loads and stores are written as vectors. */
    LLVMParseCommandLineOptions(4, (const char *const[]){"ligerc", "-opt-disable=slsr,nary-reassociate,early-cse", "-disable-lsr", "-disable-nvptx-load-store-vectorizer"}, NULL);
}

void ll_describe(char *version, char *cpu, size_t n)
{
    unsigned major, minor, patch;
    char *name = LLVMGetHostCPUName();
    LLVMGetVersion(&major, &minor, &patch);
    snprintf(version, n, "%u.%u.%u", major, minor, patch);
    snprintf(cpu, n, "%s", name);
    LLVMDisposeMessage(name);
}

LlSession *ll_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, init_llvm);
    LlSession *s = calloc(1, sizeof *s);
    if (!s)
        return NULL;
    s->cpu = LLVMGetHostCPUName();
    s->features = LLVMGetHostCPUFeatures();
    return s;
}

void ll_close(LlSession *s)
{
    if (!s)
        return;
    for (int i = 0; i < TARGET_COUNT; i++)
        if (s->gpu[i])
            LLVMDisposeTargetMachine(s->gpu[i]);
    for (uint32_t i = 0; i < s->nhost; i++) {
        LLVMDisposeTargetMachine(s->host[i].tm);
        free(s->host[i].cpu);
        free(s->host[i].features);
    }
    LLVMDisposeMessage(s->cpu);
    LLVMDisposeMessage(s->features);
    free(s);
}

void ll_fail(Ll *l, DiagClass cls, DiagCode code, Span sp, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    diag_report(l->d, cls, code, sp, "%s", text);
    longjmp(l->fail, LL_JUMP_OURS);
}

/* What is left out for a GPU is told to LLVM by options of the whole process: GPUs' emissions and the host's take turns. */
static struct { pthread_mutex_t lock; pthread_cond_t over; uint32_t n; bool gpu; } turn = {.lock = PTHREAD_MUTEX_INITIALIZER, .over = PTHREAD_COND_INITIALIZER};

/* GPUs: no combiners, since what they find is written so (ll_fold.c, ll_divide.c), and shared memory has addresses of 32 bits from the first. */
static void set_turn(bool gpu)
{
    static const char *const on[] = {"ligerc", "-combiner-disabled=1", "-disable-cgp=1", "-nvptx-short-ptr=1"};
    static const char *const off[] = {"ligerc", "-combiner-disabled=0", "-disable-cgp=0", "-nvptx-short-ptr=0"};
    LLVMParseCommandLineOptions(4, gpu ? on : off, NULL);
    turn.gpu = gpu;
}

void ll_enter(Ll *l)
{
    pthread_mutex_lock(&turn.lock);
    while (turn.n && turn.gpu != !!l->t)
        pthread_cond_wait(&turn.over, &turn.lock);
    if (turn.gpu != !!l->t)
        set_turn(l->t);
    turn.n++;
    pthread_mutex_unlock(&turn.lock);
    running = l;
}

void ll_leave(void)
{
    running = NULL;
    pthread_mutex_lock(&turn.lock);
    if (!--turn.n)
        pthread_cond_broadcast(&turn.over);
    pthread_mutex_unlock(&turn.lock);
}

/* Warnings and remarks of LLVM's are dropped; its errors become ours. */
static void on_diagnostic(LLVMDiagnosticInfoRef info, void *arg)
{
    Ll *l = arg;
    if (LLVMGetDiagInfoSeverity(info) != LLVMDSError)
        return;
    char *text = LLVMGetDiagInfoDescription(info);
    diag_report(l->d, DIAG_BUG, LG_EMIT, (Span){0}, "LLVM: %s", text);
    LLVMDisposeMessage(text);
}

void ll_catch(Ll *l) { LLVMContextSetDiagnosticHandler(l->cx, on_diagnostic, l); }

static LLVMTargetMachineRef machine(const char *triple, const char *cpu, const char *features)
{
    LLVMTargetRef target;
    char *err = NULL;
    if (LLVMGetTargetFromTriple(triple, &target, &err)) {
        LLVMDisposeMessage(err);
        return NULL;
    }
    return LLVMCreateTargetMachine(target, triple, cpu, features, !strncmp(triple, "nvptx", 5) ? LLVMCodeGenLevelDefault : LLVMCodeGenLevelAggressive, LLVMRelocPIC, LLVMCodeModelSmall);
}

LLVMTargetMachineRef ll_gpu_machine(LlSession *s, const Target *t)
{
    for (int i = 0; i < TARGET_COUNT; i++) {
        if (target_get((TargetId)i) != t && strcmp(target_get((TargetId)i)->name, t->name))
            continue;
        if (!s->gpu[i])
            s->gpu[i] = machine("nvptx64-nvidia-cuda", t->cpu, t->ptx);
        return s->gpu[i];
    }
    return NULL;
}

const char *ll_cpu(const LlSession *s, const LlOptions *o) { return o->host_cpu ? o->host_cpu : s->cpu; }

const char *ll_features(const LlSession *s, const LlOptions *o)
{
    if (o->host_features)
        return o->host_features;
    return o->host_cpu ? "" : s->features;
}

LLVMTargetMachineRef ll_host_machine(LlSession *s, const LlOptions *o)
{
    const char *cpu = ll_cpu(s, o), *features = ll_features(s, o);
    for (uint32_t i = 0; i < s->nhost; i++)
        if (!strcmp(s->host[i].cpu, cpu) && !strcmp(s->host[i].features, features))
            return s->host[i].tm;
    if (s->nhost == MAX_HOST_MACHINES)
        return NULL;
    char *triple = LLVMGetDefaultTargetTriple();
    HostMachine m = {strdup(cpu), strdup(features), machine(triple, cpu, features)};
    LLVMDisposeMessage(triple);
    if (m.tm && m.cpu && m.features)
        s->host[s->nhost++] = m;
    return m.tm;
}
