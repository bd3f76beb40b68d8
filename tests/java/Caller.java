import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.net.HttpURLConnection;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.nio.charset.StandardCharsets;
import java.util.Base64;

/**
 * Calls URLs with one of Java's two clients, as they are without further settings.
 *
 * A line of standard input is a call: client, method, URL, body and headers ("Name: value"), with tabs between them. A line of
 * standard output is the answer: status and body in base64, with a tab between them; the status is 0 if there was none.
 */
public class Caller {
    private static final HttpClient CLIENT = HttpClient.newHttpClient();

    public static void main(String[] arguments) throws IOException, InterruptedException {
        BufferedReader calls = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String call; (call = calls.readLine()) != null; ) {
            System.out.println(answer(call.split("\t", -1)));
            System.out.flush();
        }
    }

    private static String answer(String[] call) throws InterruptedException {
        try {
            return call[0].equals("HttpURLConnection") ? withConnection(call) : withClient(call);
        } catch (IOException problem) {
            return told(0, problem.toString().getBytes(StandardCharsets.UTF_8));
        }
    }

    private static String withConnection(String[] call) throws IOException {
        HttpURLConnection connection = (HttpURLConnection) URI.create(call[2]).toURL().openConnection();
        connection.setRequestMethod(call[1]);
        for (int i = 4; i < call.length; i++) {
            String[] header = call[i].split(": ", 2);
            connection.setRequestProperty(header[0], header[1]);
        }
        if (!call[3].isEmpty()) {
            connection.setDoOutput(true);
            connection.getOutputStream().write(call[3].getBytes(StandardCharsets.UTF_8));
        }
        int status = connection.getResponseCode();
        try (InputStream body = status < 400 ? connection.getInputStream() : connection.getErrorStream()) {
            return told(status, body == null ? new byte[0] : body.readAllBytes());
        }
    }

    private static String withClient(String[] call) throws IOException, InterruptedException {
        HttpRequest.BodyPublisher body =
            call[3].isEmpty() ? HttpRequest.BodyPublishers.noBody() : HttpRequest.BodyPublishers.ofString(call[3]);
        HttpRequest.Builder request = HttpRequest.newBuilder(URI.create(call[2])).method(call[1], body);
        for (int i = 4; i < call.length; i++) {
            String[] header = call[i].split(": ", 2);
            request.header(header[0], header[1]);
        }
        HttpResponse<byte[]> response = CLIENT.send(request.build(), HttpResponse.BodyHandlers.ofByteArray());
        return told(response.statusCode(), response.body());
    }

    private static String told(int status, byte[] body) {
        return status + "\t" + Base64.getEncoder().encodeToString(body);
    }
}
