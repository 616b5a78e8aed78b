/* A disk that takes 5 ms longer for every fsync. cc -shared -fPIC -o slow_fsync.so slow_fsync.c -ldl; LD_PRELOAD it. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <unistd.h>

static int slowly(const char *name, int fd) {
    usleep(5000);
    return ((int (*)(int)) dlsym(RTLD_NEXT, name))(fd);
}

int fsync(int fd) { return slowly("fsync", fd); }
int fdatasync(int fd) { return slowly("fdatasync", fd); }
