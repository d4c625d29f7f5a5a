#pragma once
#include <libssh2.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <netdb.h>
#include <netinet/tcp.h>

// GNU extensions that Swift's Glibc module leaves out.
#include <stddef.h>
extern int pthread_setname_np(unsigned long thread, const char *name);
extern void *memmem(const void *haystack, size_t haystack_length, const void *needle,
                    size_t needle_length);
