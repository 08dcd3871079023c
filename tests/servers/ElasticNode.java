import java.nio.file.Path;
import java.util.Map;
import java.util.Set;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;
import org.elasticsearch.node.InternalSettingsPreparer;
import org.elasticsearch.node.Node;
import org.elasticsearch.plugins.PluginsLoader;

/** One Elasticsearch node, in the folder that is named. It ends when its standard input does: no node outlives its owner. */
public final class ElasticNode {
    public static void main(String[] words) throws Exception {
        Path home = Path.of(words[0]).toAbsolutePath();
        LogConfigurator.registerErrorListener();
        Settings where = Settings.builder().put("path.home", home).build();
        Environment site =
            InternalSettingsPreparer.prepareEnvironment(where, Map.of(), home.resolve("config"), () -> "node");
        LogConfigurator.configure(site, true);
        var modules = PluginsLoader.loadModulesBundles(site.modulesDir());
        Node node = new Node(site, PluginsLoader.createPluginsLoader(modules, Set.of(), Map.of(), false));
        Runtime.getRuntime().addShutdownHook(new Thread(() -> close(node)));
        node.start();
        while (System.in.read() >= 0) {
            // Nobody says anything here; what counts is the end.
        }
        System.exit(0);
    }

    private static void close(Node node) {
        try {
            node.close();
        } catch (Exception fault) {
            fault.printStackTrace();
        }
    }
}
