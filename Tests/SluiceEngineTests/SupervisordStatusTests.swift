import SluiceModel
import Testing

@testable import SluiceEngine

/// What supervisorctl 4.2.5 said, and what it means for a deploy.
@Suite struct SupervisordStatusTests {
    private func judged(
        _ told: String, program: String = "app", config: String? = nil
    ) -> ManagerObjection? {
        SupervisordStatus(told: told, program: program, config: config).objection
    }

    @Test(arguments: [
        ("app                              RUNNING   pid 4711, uptime 0:00:02", "app"),
        ("app                              STARTING  ", "app"),
        ("grp:app                          RUNNING   pid 4711, uptime 1 day, 0:00:02", "grp:app"),
        ("app                              RUNNING   pid 4711, uptime 0:00:02", "app:app"),
    ]) func aProgramThatRuns(told: String, program: String) {
        #expect(judged(told, program: program) == nil)
    }

    @Test(arguments: [
        ("app  STOPPED   Dec 01 05:51 PM", "STOPPED", "supervisorctl start app"),
        ("app  STOPPED   Not started", "STOPPED", "supervisorctl start app"),
        ("app  EXITED    Dec 01 05:51 PM", "EXITED", "supervisorctl start app"),
        ("app  STOPPING  ", "is being stopped", "supervisorctl start app"),
        (
            "app  FATAL     Exited too quickly (process log may have details)",
            "(FATAL: Exited too quickly (process log may have details))", "supervisorctl tail app"
        ),
        ("app  BACKOFF   can't find command '/x'", "BACKOFF", "supervisorctl tail app"),
        ("app  UNKNOWN   ", "does not know", "supervisord's log"),
    ]) func aProgramThatDoesNotRun(told: String, message: String, remedy: String) throws {
        let objection = try #require(judged(told))
        #expect(objection.code == "not-running")
        #expect(objection.message.contains(message), "\(objection)")
        #expect(objection.remedy.contains(remedy), "\(objection)")
    }

    @Test func commandsNameTheConfigurationFile() {
        let objection = judged("app STOPPED", config: "/etc/it's/s.conf")
        #expect(
            objection?.remedy.contains("supervisorctl -c '/etc/it'\\''s/s.conf' start app") == true)
    }

    /// One replaces one process on each host.
    @Test func aProgramOfManyProcesses() throws {
        let objection = try #require(
            judged("app: ERROR (no such process) has: other app:app_00 app:app_01"))
        #expect(objection.code == "program-many")
        #expect(
            objection.message == "app is 2 processes of supervisord, app:app_00, app:app_01, and "
                + "Sluice replaces one on each host")
        #expect(
            objection.remedy == "run it with numprocs=1, or name one of them: program: app:app_00")
    }

    /// Where they stand for one alone, too: it need not stay so.
    @Test(arguments: ["all", "grp:"]) func aNameForEveryProgram(program: String) {
        for told in ["grp:app  RUNNING  pid 4711, uptime 0:00:02", "all  RUNNING  pid 4711", ""] {
            #expect(judged(told, program: program)?.code == "program-many")
        }
        #expect(
            judged("grp:: ERROR (no such group) has: app", program: "grp:")?.code
                == "program-unknown")
    }

    @Test(arguments: [
        ("has: other grp:app", "write program: grp:app, with its group"),
        ("has: other app:app_00", "write program: app:app_00, with its group"),
        ("has: one two", "it knows one, two: correct service.program, or run supervisorctl update"),
        ("has:", "it knows none: correct service.program, or run supervisorctl update"),
    ]) func aProgramThatSupervisordDoesNotKnow(names: String, remedy: String) {
        for words in ["app: ERROR (no such process)", "No such process app"] {
            #expect(
                judged("\(words) \(names)")
                    == ManagerObjection(
                        code: "program-unknown", message: "supervisord knows no program app",
                        remedy: remedy))
        }
    }

    @Test(arguments: [
        ("unix:///var/run/supervisor.sock no such file", "start supervisord"),
        ("unix:///var/run/supervisor.sock refused connection", "start supervisord"),
        ("error: <class 'PermissionError'>, [Errno 13] Permission denied: file: x", "become: true"),
        ("Server requires authentication", "username and password"),
        ("Error: could not find config file /x?For help, use -h", "correct service.config"),
        ("Error: could not read config file /x?For help, use -h", "correct service.config"),
        ("Traceback", "run 'supervisorctl status app'"), ("", "run 'supervisorctl status app'"),
    ]) func aSupervisordThatCannotBeAsked(told: String, remedy: String) throws {
        let objection = try #require(judged(told))
        #expect(objection.code == "manager-silent")
        #expect(objection.message.contains(told))
        #expect(objection.remedy.contains(remedy), "\(objection)")
    }
}
